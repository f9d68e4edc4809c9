import { createGraph, createMatrix, createTopKOutput, prepareTopK } from '@gearshift/contracts';

const ROWS = 16;
const DIMENSIONS = 64;
const K = 4;

/**
 * Requests so small that the overhead is most of their time. Each has the calls of the facade for an executor, and `direct`, the
 * equivalent calls of the backend: with a new request and a new output for every call, like in the facade. The calls in `into`
 * write into an output of the caller.
 *
 * @param {import('gearshift').Executor} owner keeps the resident copies, in the CPU backend that all executors share.
 */
export async function createFacadeJobs(cpu, owner) {
  const values = Float32Array.from({ length: ROWS * DIMENSIONS }, (_, i) => Math.sin(i));
  const query = values.slice(0, DIMENSIONS);
  const resident = await owner.matrix(values, { dimensions: DIMENSIONS });
  const visiting = createMatrix(values, { dimensions: DIMENSIONS });
  const ring = ringOf(ROWS);
  const graph = await owner.graph(ring);
  return [
    cosineJob(`cosine, resident, ${ROWS} x ${DIMENSIONS}`, cpu, query, resident),
    cosineJob(`cosine, three typed arrays, ${ROWS} x ${DIMENSIONS}`, cpu, query, visiting),
    topKJob(`top-${K}, resident, ${ROWS} x ${DIMENSIONS}`, cpu, query, resident),
    spreadJob(`one hop, resident, ${ROWS} nodes and edges`, cpu, graph, query.slice(0, ROWS)),
  ];
}

function cosineJob(name, cpu, query, matrix) {
  const operation = 'cosine-similarity';
  const request = { operation, query, matrix };
  const own = new Float32Array(ROWS);
  return {
    name,
    direct: {
      sync: () => cpu.cosineSimilaritySync({ operation, query, matrix }, new Float32Array(ROWS)),
      async: () => cpu.cosineSimilarity({ operation, query, matrix }, new Float32Array(ROWS)),
      into: () => cpu.cosineSimilarity(request, own),
    },
    through: (executor) => ({
      sync: () => executor.cosineSimilaritySync(query, matrix),
      async: () => executor.cosineSimilarity(query, matrix),
      into: () => executor.run(request, { output: own }),
    }),
  };
}

function topKJob(name, cpu, query, matrix) {
  const operation = 'top-k';
  const options = { k: K };
  const request = { operation, query, matrix, k: K };
  const outputFor = () => ({ indices: new Uint32Array(K), scores: new Float32Array(K), count: 0 });
  const own = createTopKOutput(prepareTopK(request));
  return {
    name,
    direct: {
      sync: () => cpu.topKSync({ operation, query, matrix, k: K }, outputFor()),
      async: () => cpu.topK({ operation, query, matrix, k: K }, outputFor()),
      into: () => cpu.topK(request, own),
    },
    through: (executor) => ({
      sync: () => executor.topKSync(query, matrix, options),
      async: () => executor.topK(query, matrix, options),
      into: () => executor.run(request, { output: own }),
    }),
  };
}

function spreadJob(name, cpu, graph, activations) {
  const operation = 'spread-activation';
  const request = { operation, graph, activations };
  const own = new Float32Array(ROWS);
  return {
    name,
    direct: {
      sync: () => cpu.spreadActivationSync({ operation, graph, activations }, new Float32Array(ROWS)),
      async: () => cpu.spreadActivation({ operation, graph, activations }, new Float32Array(ROWS)),
      into: () => cpu.spreadActivation(request, own),
    },
    through: (executor) => ({
      sync: () => executor.spreadActivationSync(graph, activations),
      async: () => executor.spreadActivation(graph, activations),
      into: () => executor.run(request, { output: own }),
    }),
  };
}

/** Each node is activated by the one before it. */
function ringOf(nodes) {
  return createGraph({
    nodes,
    rowPointers: Uint32Array.from({ length: nodes + 1 }, (_, i) => i),
    columns: Uint32Array.from({ length: nodes }, (_, i) => (i + nodes - 1) % nodes),
    weights: new Float32Array(nodes).fill(0.5),
  });
}
