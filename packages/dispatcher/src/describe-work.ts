import type { PreparedRequest, PreparedSpreadActivation, Work, WorkShape } from '@gearshift/contracts';

const FLOAT32_BYTES = 4;
const UINT32_BYTES = 4;
/** One column index and one weight. */
const EDGE_BYTES = UINT32_BYTES + FLOAT32_BYTES;

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
