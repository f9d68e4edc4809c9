import type { OperationName, PreparedRequest, PreparedSpreadActivation } from '@gearshift/contracts';

const FLOAT32_BYTES = 4;
const UINT32_BYTES = 4;
/** One column index and one weight. */
const EDGE_BYTES = UINT32_BYTES + FLOAT32_BYTES;

/**
 * What a request costs, in terms that hold on every device: policies choose by this and by nothing else of the request.
 * Counts are of the row range that is asked for, not of the whole operand.
 */
export interface Work {
  readonly operation: OperationName;
  /** Items to work through: rows, candidates, or receiving nodes. */
  readonly batchSize: number;
  /** Query vectors that share one pass over the rows; 1 for spreading. */
  readonly queries: number;
  /** Elements of a row; 1 for spreading, whose items are single activations. */
  readonly dimensions: number;
  /** Multiplications and additions. */
  readonly flops: number;
  /** Bytes a device reads and writes when each operand is read once, per hop for spreading. */
  readonly bytes: number;
  /** Bytes that every device of its own memory must be sent with each such request: queries, candidates, activations. */
  readonly requestBytes: number;
  /** Bytes of the matrix or graph as a whole, which travel only to a device that does not hold it. */
  readonly operandBytes: number;
  /** Bytes that come back. */
  readonly outputBytes: number;
}

/** Describes a checked request. */
export function describeWork(request: PreparedRequest): Work {
  if (request.operation === 'spread-activation') return describeSpreading(request);
  const { operation, matrix, queries } = request;
  const { dimensions } = matrix;
  const candidates = request.operation === 'top-k' ? request.candidates : undefined;
  const rows = candidates === undefined ? request.end - request.start : candidates.length;
  const requestBytes = request.query.byteLength + (candidates === undefined ? 0 : candidates.byteLength);
  const outputBytes = request.outputLength * (operation === 'top-k' ? FLOAT32_BYTES + UINT32_BYTES : FLOAT32_BYTES);
  return {
    operation,
    batchSize: rows,
    queries,
    dimensions,
    flops: 2 * queries * rows * dimensions,
    bytes: rows * dimensions * FLOAT32_BYTES + requestBytes + outputBytes,
    requestBytes,
    operandBytes: matrix.values.byteLength,
    outputBytes,
  };
}

function describeSpreading(request: PreparedSpreadActivation): Work {
  const { graph, start, end, hops } = request;
  const nodes = end - start;
  const edges = graph.rowPointers[end] - graph.rowPointers[start];
  const requestBytes = request.activations.byteLength;
  const outputBytes = request.outputLength * FLOAT32_BYTES;
  return {
    operation: 'spread-activation',
    batchSize: nodes,
    queries: 1,
    dimensions: 1,
    // Per hop: a multiplication and an addition per edge, and decay and retention per node.
    flops: hops * (2 * edges + 3 * nodes),
    bytes: hops * (edges * EDGE_BYTES + nodes * UINT32_BYTES + requestBytes + outputBytes),
    requestBytes,
    operandBytes: graph.rowPointers.byteLength + graph.columns.byteLength + graph.weights.byteLength,
    outputBytes,
  };
}
