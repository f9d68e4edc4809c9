import {
  DEVICE_KINDS,
  err,
  ok,
  WORK_SHAPES,
  type DeviceKind,
  type PolicyImportError,
  type PolicyState,
  type Result,
  type Work,
  type WorkShape,
} from '@gearshift/contracts';
import type { CostLine } from './cost-line.js';
import { isLineState, lineState, takeOver, type LineState } from './line-state.js';
import type { Knowledge } from './knowledge.js';

const VERSION = 1;
const MOST_DEVICES = 64;
const MOST_LINES = 256;
const LONGEST_NAME = 200;

interface DeviceState {
  readonly id: string;
  readonly kind: DeviceKind;
  readonly transfer: LineState | null;
  readonly costs: readonly CostState[];
}

interface CostState {
  readonly operation: string;
  readonly shape: WorkShape;
  /** What the generic figures of a line are made of. */
  readonly flops: number;
  readonly bytes: number;
  readonly line: LineState;
}

/** The lines of all devices. How fast a device is at the moment is no calibration and stays behind. */
export function exportKnowledge(policy: string, knowledge: Knowledge): PolicyState {
  const devices: DeviceState[] = [];
  for (const device of knowledge.devices.values()) {
    const costs: CostState[] = [];
    for (const { number, operation, shape, typicalFlops, typicalBytes } of knowledge.tasks.tasks) {
      const line = device.lines[number];
      const state = line === undefined ? null : stateOf(line, knowledge);
      if (state !== null) costs.push({ operation, shape, flops: typicalFlops, bytes: typicalBytes, line: state });
    }
    const transfer = stateOf(device.transfer.line, knowledge);
    if (costs.length > 0 || transfer !== null) devices.push({ id: device.id, kind: device.kind, transfer, costs });
  }
  return { policy, version: VERSION, learned: { devices } };
}

function stateOf(line: CostLine, { decisions }: Knowledge): LineState | null {
  line.refresh(Infinity, decisions);
  return line.samples > 0 ? lineState(line.sums.total) : null;
}

/** All or nothing: what is not well formed to the last number changes nothing. */
export function importKnowledge(
  policy: string,
  knowledge: Knowledge,
  state: PolicyState,
): Result<void, PolicyImportError> {
  if (!isObject(state) || typeof state.policy !== 'string') return malformed('the state names no policy');
  if (state.policy !== policy) {
    return err({ kind: 'wrong-policy', message: `the state is of the policy '${state.policy}', not of '${policy}'` });
  }
  if (state.version !== VERSION) {
    return err({ kind: 'wrong-version', message: `the state is of version ${state.version}, not of ${VERSION}` });
  }
  knowledge.lessons += 1;
  const devices: unknown = isObject(state.learned) ? state.learned['devices'] : undefined;
  if (!Array.isArray(devices) || devices.length > MOST_DEVICES)
    return malformed('learned.devices is no list of devices');
  for (const [index, device] of devices.entries()) {
    const flaw = flawOf(device);
    if (flaw !== undefined) return malformed(`learned.devices[${index}]${flaw}`);
  }
  for (const device of devices as DeviceState[]) takeOverDevice(knowledge, device);
  return ok(undefined);
}

function takeOverDevice(knowledge: Knowledge, { id, kind, transfer, costs }: DeviceState): void {
  const device = knowledge.device(id, kind);
  if (transfer !== null) takeOver(device.transfer.line, transfer);
  for (const { operation, shape, flops, bytes, line } of costs) {
    const work = typicalWork(operation, shape, flops, bytes);
    takeOver(device.line(knowledge.tasks.of(work), work), line);
  }
}

function typicalWork(operation: string, shape: WorkShape, flops: number, bytes: number): Work {
  return {
    operation,
    shape,
    batchSize: 1,
    queries: 1,
    dimensions: 1,
    flops,
    bytes,
    requestBytes: 0,
    operandId: 0,
    operandVersion: 0,
    expectedUses: 0,
    rangeBytes: bytes,
    operandBytes: bytes,
    outputBytes: 0,
  };
}

/** Where it is wrong and what was expected there; `undefined` when nothing is. */
function flawOf(device: unknown): string | undefined {
  if (!isObject(device)) return ' is no object';
  const { id, kind, transfer, costs } = device as Partial<Record<keyof DeviceState, unknown>>;
  if (!isName(id)) return '.id is no name';
  if (!DEVICE_KINDS.includes(kind as DeviceKind)) return `.kind is none of ${DEVICE_KINDS.join(', ')}`;
  if (transfer !== null && !isLineState(transfer)) return '.transfer is no line';
  if (!Array.isArray(costs) || costs.length > MOST_LINES) return '.costs is no list of lines';
  const wrong = costs.findIndex((cost: unknown) => !isCostState(cost));
  return wrong < 0 ? undefined : `.costs[${wrong}] is no line of an operation`;
}

function isCostState(cost: unknown): cost is CostState {
  if (!isObject(cost)) return false;
  const { operation, shape, flops, bytes, line } = cost as Partial<Record<keyof CostState, unknown>>;
  return (
    isName(operation) &&
    WORK_SHAPES.includes(shape as WorkShape) &&
    isAmount(flops) &&
    isAmount(bytes) &&
    isLineState(line)
  );
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= LONGEST_NAME;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function malformed(message: string): Result<void, PolicyImportError> {
  return err({ kind: 'malformed', message });
}
