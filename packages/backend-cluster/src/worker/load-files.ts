import { nativeRows } from '@gearshift/backend-cpu';
import { isError } from '@gearshift/contracts/internal';
import { openMatrix, StoredMatrix, type FileError } from '@gearshift/storage';
import type { LoadAnswer } from '../messages/load-order.js';
import type { ShardSpec } from '../messages/shard-spec.js';
import { fileBelow } from './data-root.js';
import type { HeldOperand } from './held-shard.js';

type Refusal = Extract<LoadAnswer, { ok: false }>;

export type FileLoad = { readonly ok: true; readonly operand: HeldOperand; readonly dispose: () => void } | Refusal;

/** An open file, and which rows of the whole matrix it has. */
interface OpenFile {
  readonly matrix: StoredMatrix;
  readonly start: number;
  readonly end: number;
}

/**
 * Opens files that have all rows of a matrix, one after the other; the shard is a range of them. With the addon a file is mapped, so that
 * only this range takes memory. Rows of several files are copied together.
 */
export async function loadFiles(
  root: string | undefined,
  paths: readonly string[],
  spec: ShardSpec,
): Promise<FileLoad> {
  if (root === undefined) return refuse('unsupported', 'this worker has no data root');
  if (spec.kind === 'graph') return refuse('unsupported', 'a graph cannot be loaded from a file');
  const files: OpenFile[] = [];
  try {
    let rows = 0;
    for (const [i, path] of paths.entries()) {
      const matrix = await open(root, path, `source.files[${i}]`, spec);
      if ('ok' in matrix) return matrix;
      files.push({ matrix, start: rows, end: rows + matrix.rows });
      rows += matrix.rows;
    }
    if (rows !== spec.rows) return refuse('invalid-input', `source.files: expected ${spec.rows} rows, got ${rows}`);
    const whole = files.find((file) => file.start <= spec.start && file.end >= spec.end);
    const matrix = whole?.matrix ?? copyRows(files, spec);
    if (whole !== undefined) files.splice(files.indexOf(whole), 1);
    const dispose = () => void matrix[Symbol.asyncDispose]();
    return { ok: true, operand: { kind: 'matrix', matrix, firstRow: whole?.start ?? spec.start }, dispose };
  } finally {
    for (const { matrix } of files) void matrix[Symbol.asyncDispose]();
  }
}

async function open(root: string, path: string, name: string, spec: ShardSpec): Promise<StoredMatrix | Refusal> {
  const file = await fileBelow(root, path);
  if ('problem' in file) return refuse('invalid-input', `${name}: ${file.problem}`);
  let matrix: StoredMatrix;
  try {
    matrix = await openMatrix(file.path, { native: nativeRows(), companion: 'none' });
  } catch (error) {
    if (!isError(error, 'FileError')) throw error;
    const { kind, code, message } = error as Error & Pick<FileError, 'kind' | 'code'>;
    if (kind === 'system' && code === 'ENOMEM') return refuse('out-of-memory', message);
    return refuse('invalid-input', message);
  }
  const problem = difference(matrix, spec);
  if (problem === undefined) return matrix;
  void matrix[Symbol.asyncDispose]();
  return refuse('invalid-input', `${name}: ${problem}`);
}

/** What a file has else than the order says. */
function difference(matrix: StoredMatrix, spec: ShardSpec): string | undefined {
  const { dimensions, dtype = 'float32', scale } = matrix;
  if (dimensions !== spec.dimensions) return `expected ${spec.dimensions} dimensions, got ${dimensions}`;
  if (dtype !== spec.dtype || scale !== spec.scale) {
    return `expected ${spec.dtype} with the scale ${spec.scale ?? 1}, got ${dtype} with ${scale ?? 1}`;
  }
  // The coordinator counts the entries of an answer, and knows of no removed rows.
  return matrix.removed === undefined ? undefined : 'the file has removed rows; compact it first';
}

/** The rows of a shard that are in several files. */
function copyRows(files: readonly OpenFile[], { start, end, dimensions, dtype, scale }: ShardSpec): StoredMatrix {
  return StoredMatrix.create(end - start, { dimensions, dtype, scale, native: nativeRows() }, (target) => {
    for (const file of files) {
      const [from, to] = [Math.max(start, file.start), Math.min(end, file.end)];
      if (from >= to) continue;
      const rows = file.matrix.values.subarray((from - file.start) * dimensions, (to - file.start) * dimensions);
      target.set(rows, (from - start) * dimensions);
    }
  });
}

function refuse(kind: Refusal['kind'], message: string): Refusal {
  return { ok: false, kind, message };
}
