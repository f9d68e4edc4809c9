import { nativeRows } from '@gearshift/backend-cpu';
import { isError } from '@gearshift/contracts/internal';
import { openMatrix, type FileError, type StoredMatrix } from '@gearshift/storage';
import type { LoadAnswer } from '../messages/load-order.js';
import type { ShardSpec } from '../messages/shard-spec.js';
import { fileBelow } from './data-root.js';
import type { HeldOperand } from './held-shard.js';

export type FileLoad =
  | { readonly ok: true; readonly operand: HeldOperand; readonly dispose: () => void }
  | Extract<LoadAnswer, { ok: false }>;

/** Opens a file with all rows of a matrix; the shard is a range of them. With the addon it is mapped, so only this range takes memory. */
export async function loadFile(root: string | undefined, path: string, spec: ShardSpec): Promise<FileLoad> {
  if (root === undefined) return refuse('unsupported', 'this worker has no data root');
  if (spec.kind === 'graph') return refuse('unsupported', 'a graph cannot be loaded from a file');
  const file = await fileBelow(root, path);
  if ('problem' in file) return refuse('invalid-input', `source.path: ${file.problem}`);
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
  if (problem !== undefined) {
    void matrix[Symbol.asyncDispose]();
    return refuse('invalid-input', `source.path: ${problem}`);
  }
  return {
    ok: true,
    operand: { kind: 'matrix', matrix, firstRow: 0 },
    dispose: () => void matrix[Symbol.asyncDispose](),
  };
}

/** What the file has else than the order says. */
function difference(matrix: StoredMatrix, spec: ShardSpec): string | undefined {
  const { rows, dimensions, dtype = 'float32', scale } = matrix;
  if (rows !== spec.rows || dimensions !== spec.dimensions) {
    return `expected ${spec.rows} rows of ${spec.dimensions}, got ${rows} of ${dimensions}`;
  }
  if (dtype !== spec.dtype || scale !== spec.scale) {
    return `expected ${spec.dtype} with the scale ${spec.scale ?? 1}, got ${dtype} with ${scale ?? 1}`;
  }
  // The coordinator counts the entries of an answer, and knows of no removed rows.
  return matrix.removed === undefined ? undefined : 'the file has removed rows; compact it first';
}

function refuse(kind: Extract<LoadAnswer, { ok: false }>['kind'], message: string): Extract<LoadAnswer, { ok: false }> {
  return { ok: false, kind, message };
}
