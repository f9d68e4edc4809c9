import type { Metric, VectorMatrix } from '@gearshift/contracts';
import { listRows } from '@gearshift/contracts/internal';
import type { BackendFailures, Failure } from '@gearshift/native-kit';
import type { KernelTimes } from '../device/kernel-clock.js';
import type { DevicePlace } from '../residency/device-slot.js';
import { MatrixCopy } from '../residency/matrix-copy.js';
import { DeviceScan } from './device-scan.js';
import { itemsOf, selectionKind, type RowSelection } from './selection.js';

/** What a request reads on the device: a resident copy, or one of the selected rows for this request alone. */
export interface ScanSource {
  readonly copy: MatrixCopy;
  /** By rows of the copy. */
  readonly selection: RowSelection;
  /** The row of the matrix for a row of the copy, in the same order. */
  readonly rowOf: (row: number) => number;
  /** The row of the matrix that is row 0 of the copy, if it has a range of rows. */
  readonly firstRow: number;
  /** Call it when the request no longer reads the copy. */
  done(): void;
}

export async function openSource(
  { gpu, residents }: DevicePlace,
  failures: BackendFailures,
  matrix: VectorMatrix,
  selection: RowSelection,
  signal: AbortSignal | undefined,
): Promise<ScanSource | Failure> {
  const resident = residents.borrow(matrix);
  if (resident?.copy instanceof MatrixCopy) {
    return { copy: resident.copy, selection, rowOf: (row) => row, firstRow: 0, done: resident.done };
  }
  const copy = new MatrixCopy(gpu, failures, matrix.dimensions);
  const rows = rowsOf(selection);
  const count = rows?.length ?? selection.end - selection.start;
  const failure =
    (await residents.makingRoom(() => copy.reserve(count))) ??
    (await residents.makingRoom(() => copy.uploadRows(matrix, rows ?? selection.start, count, signal)));
  if (failure !== undefined) {
    copy.destroy();
    return failure;
  }
  copy.rows = count;
  return {
    copy,
    selection: { start: 0, end: count, where: undefined, candidates: undefined },
    rowOf: rows === undefined ? (row) => row + selection.start : (row) => rows[row],
    firstRow: selection.start,
    done: () => copy.destroy(),
  };
}

export function scanOf(
  { gpu }: DevicePlace,
  failures: BackendFailures,
  { copy, selection }: ScanSource,
  metric: Metric,
  signal: AbortSignal | undefined,
  times: KernelTimes,
): DeviceScan {
  return new DeviceScan(gpu, failures, copy, metric, selectionKind(selection), itemsOf(copy, selection), signal, times);
}

/** The rows that a request considers, ascending, if they are fewer than its range. */
function rowsOf({ start, end, where, candidates }: RowSelection): Uint32Array | undefined {
  if (candidates !== undefined) return candidates.toSorted();
  return where === undefined ? undefined : listRows(where.words, start, end);
}
