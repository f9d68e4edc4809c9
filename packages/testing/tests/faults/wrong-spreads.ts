import {
  graphFromEdges,
  prepareSpreadActivation,
  type CsrGraph,
  type Edge,
  type SpreadActivationRequest,
} from '@gearshift/contracts';
import { nextUp, type BrokenBackend } from './broken-backend.js';
import { withFault } from './with-fault.js';

/** Faults of spreading. */
export const wrongSpreads: readonly BrokenBackend[] = [
  {
    fault: 'edges lead from receiver to sender',
    create: () => withFault({ spreadRequest: (request) => ({ ...request, graph: transposed(request.graph) }) }),
    noticedBy: ['spreading: edges lead from sender to receiver, and the defaults are the documented ones'],
  },
  {
    fault: 'retention is forgotten',
    create: () => withFault({ spreadRequest: (request) => ({ ...request, retention: 0 }) }),
    noticedBy: ['semantics: a hop of spreading is retention * x + decay * (A * x)'],
  },
  {
    fault: 'the last node is forgotten where there are many',
    create: () =>
      withFault({
        spreadOutput(output) {
          if (output.length > 60) output[output.length - 1] += 1;
        },
      }),
    noticedBy: ['spreading: is correct on uniform and power-law graphs at the boundaries of the node count'],
  },
  {
    fault: 'one hop too few',
    create: () =>
      withFault({ spreadRequest: (request) => ({ ...request, hops: Math.max(1, (request.hops ?? 1) - 1) }) }),
    noticedBy: [
      'spreading: is correct over several hops and with a threshold',
      'spreading: is correct without nodes, without edges and without hops',
    ],
  },
  {
    fault: 'a value equal to the threshold is dropped',
    create: () =>
      withFault({ spreadRequest: (request) => ({ ...request, threshold: (request.threshold ?? 0) * 1.000001 }) }),
    noticedBy: ['spreading: a value below the threshold becomes 0 and does not spread; a value equal to it stays'],
  },
  {
    fault: 'several hops round differently',
    create: () =>
      withFault({
        spreadOutput(output, { hops = 1 }) {
          if (hops > 1) output[0] = nextUp(output[0]);
        },
      }),
    noticedBy: ['spreading: several hops equal as many single hops, bit for bit'],
  },
  {
    fault: 'activations are summed in float32',
    create: () => withFault({ spreadOutput: sumInFloat32 }),
    noticedBy: [
      'spreading: sums, shares and products beyond float32 give the finite result of double precision',
      'spreading: a node with very many edges is within the documented tolerance',
    ],
  },
  {
    fault: 'NaN becomes 0',
    create: () => withFault({ spreadOutput: (output) => output.set(output.map((x) => x || 0)) }),
    noticedBy: ['spreading: NaN and infinities reach exactly the nodes given by IEEE arithmetic'],
  },
];

function sumInFloat32(output: Float32Array, request: SpreadActivationRequest): void {
  const { graph, activations, decay, retention, hops, start } = prepareSpreadActivation(request);
  if (hops !== 1) return;
  output.forEach((_, place) => {
    const node = start + place;
    let sum = 0;
    for (let edge = graph.rowPointers[node]; edge < graph.rowPointers[node + 1]; edge++) {
      sum = Math.fround(sum + graph.weights[edge] * activations[graph.columns[edge]]);
    }
    output[place] = Math.fround(retention * activations[node] + decay * sum);
  });
}

function transposed(graph: CsrGraph): CsrGraph {
  const edges: Edge[] = [];
  for (let node = 0; node < graph.nodes; node++) {
    for (let edge = graph.rowPointers[node]; edge < graph.rowPointers[node + 1]; edge++) {
      edges.push([node, graph.columns[edge], graph.weights[edge]]);
    }
  }
  return graphFromEdges(graph.nodes, edges);
}
