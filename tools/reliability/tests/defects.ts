export type Variant = 'plain' | 'thread';

export interface Defect {
  readonly what: string;
  /** In packages/backend-cuda/native. */
  readonly file: string;
  readonly sound: string;
  readonly defect: string;
  /** The build of the test programs that finds the defect, and its command line. */
  readonly variant: Variant;
  readonly command: readonly string[];
}

const SWEEP = ['fault_sweep', '1500', '9'] as const;
const CERTIFIED = ['certified', '36', '3'] as const;
const plain = { variant: 'plain', command: SWEEP } as const;
const bounds = { variant: 'plain', command: CERTIFIED } as const;

/** Plausible mistakes, planted one at a time. */
export const DEFECTS: readonly Defect[] = [
  {
    what: 'uploads do not wait for the data sent before',
    file: 'operations/upload.cc',
    sound: '  *has_passed = true;\n  if (!slot.is_under_way) return {};',
    defect: '  *has_passed = true;\n  slot.is_under_way = false;\n  return {};',
    ...plain,
  },
  {
    what: 'a failed request leaves its work under way',
    file: 'device/lane.cc',
    sound: '  if (device_.is_lost()) return;\n  // A stream that cannot',
    defect: '  if (device_.is_lost() || true) return;\n  // A stream that cannot',
    ...plain,
  },
  {
    what: 'fatal codes leave the device in use',
    file: 'device/device.cc',
    sound: '  if (is_fatal(code)) lose(code, call);\n  return {classify',
    defect: '  return {classify',
    ...plain,
  },
  {
    what: 'an event is not destroyed',
    file: 'device/lane.cc',
    sound: '    destroy(slot.computed);\n',
    defect: '',
    ...plain,
  },
  {
    what: 'a download is read before it has arrived',
    file: 'operations/transfer.cc',
    sound:
      '    Lane::Slot& slot = lane.slot(index++);\n    if (auto outcome = settle(lane, slot); !outcome.ok()) return outcome;\n    const size_t piece = piece_at(taken',
    defect: '    Lane::Slot& slot = lane.slot(index++);\n    const size_t piece = piece_at(taken',
    ...plain,
  },
  {
    what: 'scores are read without waiting for them',
    file: 'operations/score.cc',
    sound:
      '    if (auto outcome = run_.lane.wait(slot.copied); !outcome.ok()) return outcome;\n    slot.is_under_way = false;\n    const double before_ms = run_.phases.kernel_ms;\n    if (auto outcome = run_.lane.measure(slot, &run_.phases); !outcome.ok()) return outcome;',
    defect: '    slot.is_under_way = false;\n    const double before_ms = run_.phases.kernel_ms;',
    ...plain,
  },
  {
    what: 'the last row of a launch has no score',
    file: 'kernels/scan.cu',
    sound: '  if (is_mine) scores[own_query * count + own_i] = score;',
    defect: '  if (is_mine && own_i + 1 < count) scores[own_query * count + own_i] = score;',
    ...plain,
  },
  {
    what: 'lanes exit before their warp synchronizes',
    file: 'kernels/scan.cu',
    sound: '  if (first >= count) return;  // the whole warp',
    defect: '  if (first + threadIdx.x % 4 >= count) return;',
    ...plain,
  },
  {
    what: 'a query reads the norm of another one',
    file: 'operations/scan_launcher.cc',
    sound: '(loaded_ * scan_.matrix->stride + index) * sizeof(float)',
    defect: '(loaded_ * scan_.matrix->stride + index / 2) * sizeof(float)',
    ...plain,
  },
  {
    what: 'hubs of a graph are left out',
    file: 'kernels/spread.cu',
    sound: '    for (uint32_t warp = 0; warp < kWarps; ++warp) total += sums[warp];',
    defect: '    for (uint32_t warp = 1; warp < kWarps; ++warp) total += sums[warp];',
    ...plain,
  },
  {
    what: 'selection continues without its second barrier',
    file: 'kernels/select.cu',
    sound: '  __syncthreads();\n  if (is_full) shrink_selection',
    defect: '  if (is_full) shrink_selection',
    variant: 'thread',
    command: ['fault_sweep', '150', '9'],
  },
  {
    what: 'bounds ignore the error of the row with fewer bits',
    file: 'kernels/bound.cu',
    sound: '(row.error + query.error + row.error * query.error + rounding) * 1.01f',
    defect: '0.0f * (row.error + query.error + row.error * query.error + rounding)',
    ...bounds,
  },
  {
    what: 'a bound that reaches the k-th score counts as below it',
    file: 'kernels/select.cu',
    sound: '(smaller_is_better != 0 ? sqrtf(bound) > reached : bound < reached) ? 1 : 0',
    defect: '1',
    ...bounds,
  },
  {
    what: 'a fragment of the matrix product is read from the wrong row',
    file: 'kernels/bound.cu',
    sound: '        const uint32_t* const lower = upper + 8 * kPitchWords;',
    defect: '        const uint32_t* const lower = upper + 7 * kPitchWords;',
    ...bounds,
  },
  {
    what: 'a step of the matrix product is multiplied before it has arrived',
    file: 'kernels/bound.cu',
    sound: '      if (has_next) put(step + 1, staged);\n      __syncthreads();\n',
    defect: '      if (has_next) put(step + 1, staged);\n',
    variant: 'thread',
    command: ['certified', '3', '3'],
  },
  {
    what: 'the error of an int8 row or query includes only its first level',
    file: 'kernels/narrow.cu',
    sound: '  *error = largest == 0.0f ? 0.0f : relative + 1e-6f;',
    defect: '  *error = 1e-6f;',
    ...bounds,
  },
];
