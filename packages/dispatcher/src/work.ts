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
  /** Requests of one shape differ in size alone: time over size is one curve per operation, shape and device. */
  readonly shape: WorkShape;
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
  /** Id and version of the matrix or graph. */
  readonly operandId: number;
  readonly operandVersion: number;
  /** How often requests are going to use it, as its owner said: 0 where nothing was said, Infinity where it is to stay. */
  readonly expectedUses: number;
  /** Bytes of the part of it that the request reads, which travel only to a device that does not hold it. */
  readonly rangeBytes: number;
  /** Bytes of the matrix or graph as a whole. */
  readonly operandBytes: number;
  /** Bytes that come back. */
  readonly outputBytes: number;
}

/**
 * One query is bound by memory, many by arithmetic, a few by either; candidates are read out of order; edges in no order.
 */
export const WORK_SHAPES = ['scan', 'few-queries', 'many-queries', 'candidates', 'graph'] as const;
export type WorkShape = (typeof WORK_SHAPES)[number];

/** From here on a device that can multiply matrices is bound by arithmetic. */
const MANY_QUERIES = 16;

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
    shape: candidates !== undefined ? 'candidates' : shapeOf(queries),
    batchSize: rows,
    queries,
    dimensions,
    flops: 2 * queries * rows * dimensions,
    bytes: rows * dimensions * FLOAT32_BYTES + requestBytes + outputBytes,
    requestBytes,
    operandId: matrix.id,
    operandVersion: matrix.version,
    expectedUses: matrix.expectedUses ?? 0,
    rangeBytes: rows * dimensions * FLOAT32_BYTES,
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
    shape: 'graph',
    batchSize: nodes,
    queries: 1,
    dimensions: 1,
    // Per hop: a multiplication and an addition per edge, and decay and retention per node.
    flops: hops * (2 * edges + 3 * nodes),
    bytes: hops * (edges * EDGE_BYTES + nodes * UINT32_BYTES + requestBytes + outputBytes),
    requestBytes,
    operandId: graph.id,
    operandVersion: graph.version,
    expectedUses: graph.expectedUses ?? 0,
    rangeBytes: (nodes + 1) * UINT32_BYTES + edges * EDGE_BYTES,
    operandBytes: graph.rowPointers.byteLength + graph.columns.byteLength + graph.weights.byteLength,
    outputBytes,
  };
}

function shapeOf(queries: number): WorkShape {
  if (queries === 1) return 'scan';
  return queries < MANY_QUERIES ? 'few-queries' : 'many-queries';
}
