import type { PreparedCosineSimilarity, PreparedTopK, Work, WorkShape } from '@gearshift/contracts';

const FLOAT32_BYTES = 4;

/** From this number on a device that multiplies matrices is limited by arithmetic. */
const MANY_QUERIES = 16;

/**
 * Describes a request that compares queries with rows.
 *
 * @param candidates the only rows that are read.
 */
export function scanWork(
  request: PreparedCosineSimilarity | PreparedTopK,
  outputBytes: number,
  candidates?: Uint32Array,
): Work {
  const { operation, matrix, query, queries } = request;
  const { dimensions } = matrix;
  const rows = candidates === undefined ? request.end - request.start : candidates.length;
  const rangeBytes = rows * dimensions * FLOAT32_BYTES;
  const requestBytes = query.byteLength + (candidates === undefined ? 0 : candidates.byteLength);
  let shape: WorkShape = queries === 1 ? 'scan' : queries < MANY_QUERIES ? 'few-queries' : 'many-queries';
  if (candidates !== undefined) shape = 'candidates';
  return {
    operation,
    shape,
    batchSize: rows,
    queries,
    dimensions,
    flops: 2 * queries * rows * dimensions,
    bytes: rangeBytes + requestBytes + outputBytes,
    requestBytes,
    operandId: matrix.id,
    operandVersion: matrix.version,
    expectedUses: matrix.expectedUses ?? 0,
    rangeBytes,
    operandBytes: matrix.values.byteLength,
    outputBytes,
  };
}
