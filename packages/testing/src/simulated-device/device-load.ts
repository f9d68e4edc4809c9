import type { Operand, PreparedRequest } from '@gearshift/contracts';
import { isGraph } from '@gearshift/contracts/internal';

const FLOAT32_BYTES = 4;
const UINT32_BYTES = 4;

/** The load of a call on the speed and memory of a device. */
export interface DeviceLoad {
  readonly operation: PreparedRequest['operation'];
  readonly operandId: number;
  /** Rows, candidates or receiving nodes. */
  readonly rows: number;
  /** Query vectors; 1 for spreading. */
  readonly queries: number;
  /** Elements of a row; 1 for spreading. */
  readonly dimensions: number;
  /** Edges of the receiving nodes, once for each hop; 0 where there are none. */
  readonly edges: number;
  /** Bytes of queries, candidates or activations. */
  readonly requestBytes: number;
  /** Bytes of the operand that are read. */
  readonly rangeBytes: number;
  readonly outputBytes: number;
}

export function describeLoad(request: PreparedRequest): DeviceLoad {
  const { operation, start, end } = request;
  if (operation === 'spread-activation') {
    const { graph, activations, hops, outputLength } = request;
    const edges = graph.rowPointers[end] - graph.rowPointers[start];
    return {
      operation,
      operandId: graph.id,
      rows: end - start,
      queries: 1,
      dimensions: 1,
      edges: hops * edges,
      requestBytes: activations.byteLength,
      rangeBytes: (end - start + 1) * UINT32_BYTES + edges * (UINT32_BYTES + FLOAT32_BYTES),
      outputBytes: outputLength * FLOAT32_BYTES,
    };
  }
  const { matrix, query, queries, outputLength } = request;
  const candidates = operation === 'top-k' ? request.candidates : undefined;
  const filterBytes = request.where?.words.byteLength ?? 0;
  return {
    operation,
    operandId: matrix.id,
    rows: request.rowsConsidered,
    queries,
    dimensions: matrix.dimensions,
    edges: 0,
    requestBytes: query.byteLength + (candidates?.byteLength ?? filterBytes),
    rangeBytes: (candidates?.length ?? end - start) * matrix.dimensions * FLOAT32_BYTES,
    outputBytes: outputLength * (operation === 'top-k' ? FLOAT32_BYTES + UINT32_BYTES : FLOAT32_BYTES),
  };
}

/** Bytes of a copy of the whole operand. */
export function operandBytes(operand: Operand): number {
  if (!isGraph(operand)) return operand.values.byteLength;
  return operand.rowPointers.byteLength + operand.columns.byteLength + operand.weights.byteLength;
}
