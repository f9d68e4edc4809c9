import type { PreparedCosineSimilarity, PreparedTopK, Work, WorkShape } from '@gearshift/contracts';

const FLOAT32_BYTES = 4;

/** From this number on a device that multiplies matrices is limited by arithmetic. */
const MANY_QUERIES = 16;
/** Below this share of the rows of its range a filtered scan jumps from row to row, like a scan of candidates. */
const SPARSE_SHARE = 0.5;

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
  const { operation, matrix, query, queries, where } = request;
  const { dimensions } = matrix;
  const items = candidates === undefined ? request.end - request.start : candidates.length;
  // One at least, because work without operations would be measured in bytes and not in operations.
  const rowsRead = Math.max(1, request.rowsConsidered);
  const rangeBytes = items * dimensions * FLOAT32_BYTES;
  const filterBytes = where === undefined ? 0 : where.words.byteLength;
  const requestBytes = query.byteLength + (candidates === undefined ? filterBytes : candidates.byteLength);
  const isSparse = candidates !== undefined || (where !== undefined && rowsRead < SPARSE_SHARE * items);
  let shape: WorkShape = queries === 1 ? 'scan' : queries < MANY_QUERIES ? 'few-queries' : 'many-queries';
  if (isSparse) shape = 'candidates';
  return {
    operation,
    shape,
    batchSize: items,
    queries,
    dimensions,
    flops: 2 * queries * rowsRead * dimensions,
    bytes: rowsRead * dimensions * FLOAT32_BYTES + requestBytes + outputBytes,
    requestBytes,
    operandId: matrix.id,
    operandVersion: matrix.version,
    expectedUses: matrix.expectedUses ?? 0,
    rangeBytes,
    // Devices with their own memory keep rows in float32.
    operandBytes: matrix.rows * dimensions * FLOAT32_BYTES,
    outputBytes,
  };
}
