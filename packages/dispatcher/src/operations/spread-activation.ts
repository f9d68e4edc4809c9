import type { PreparedSpreadActivation as Prepared, SpreadActivationRequest, Work } from '@gearshift/contracts';
import { PreparedSpreadActivation, spreadActivation } from '@gearshift/contracts/internal';
import type { DispatchOperation } from './dispatch-operation.js';
import { verifySpreadSamples, verifySpreadWholly } from '../verification/verify-spread.js';

const FLOAT32_BYTES = 4;
const UINT32_BYTES = 4;
/** One column index and one weight. */
const EDGE_BYTES = UINT32_BYTES + FLOAT32_BYTES;

export const spreadActivationDispatch: DispatchOperation<SpreadActivationRequest, Prepared, Float32Array> = {
  ...spreadActivation,
  describeWork,
  run: (backend, request, output, signal) => backend.spreadActivation(request, output, signal),
  runSync: (backend, request, output) => backend.spreadActivationSync(request, output),
  outputGrowsWithItems: true,
  mergePart: (_request, output, start, _end, part) => output.set(part, start),
  stagesOf: ({ hops }) => hops,
  stage({ graph, activations, start, end, decay, retention, threshold }, before = activations) {
    return new PreparedSpreadActivation(graph, before, start, end, { hops: 1, decay, retention, threshold });
  },
  answerWithoutStage: ({ activations }, output) => output.set(activations),
  verify: (request, output, samples, slices) =>
    request.hops > 1 ? verifySpreadWholly(request, output, slices) : verifySpreadSamples(request, output, samples),
};

function describeWork({ graph, activations, start, end, hops, outputLength }: Prepared): Work {
  const nodes = end - start;
  const edges = graph.rowPointers[end] - graph.rowPointers[start];
  const requestBytes = activations.byteLength;
  const outputBytes = outputLength * FLOAT32_BYTES;
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
