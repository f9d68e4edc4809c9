import { createMatrix } from '@gearshift/contracts';
import { interleave } from '../interleave.mjs';
import { uniformGraph } from '@gearshift/testing';

export const DIMENSIONS = 768;
const K = 10;

/** Requests by rows or nodes. `scan` and `pair` are the shapes of the dispatch laboratory. */
const ASKED = {
  cosine: (operand) => ({
    request: { operation: 'cosine-similarity', query: vectors(1), matrix: operand },
    output: new Float32Array(operand.rows),
  }),
  scan: (operand) => topK(operand, 1),
  pair: (operand) => topK(operand, 64),
  spread: (operand) => ({
    request: { operation: 'spread-activation', graph: operand, activations: activate(operand.nodes) },
    output: new Float32Array(operand.nodes),
  }),
};

/** Names in tables. */
export const TITLES = {
  cosine: 'cosine similarity',
  scan: 'top-10, 1 query',
  pair: 'top-10, 64 queries',
  spread: 'one hop, 8 edges a node',
};

/**
 * Milliseconds of each kind of request on each backend, by size, resident and not: medians of rounds in turns, so that what disturbs one
 * disturbs all.
 *
 * @param {readonly import('@gearshift/contracts').Backend[]} backends
 * @param {{ sizes: readonly number[], rounds: number, turnMs: number, log: (message: string) => void }} options
 * @returns {Promise<Record<string, { size: number, resident: Map<string, number>, cold: Map<string, number> }[]>>} by kind; the maps by id
 *   of a backend
 */
export async function measureCurves(backends, { sizes, rounds, turnMs, log }) {
  const curves = {};
  for (const kind of Object.keys(ASKED)) {
    log(`${TITLES[kind]} ...`);
    curves[kind] = [];
    for (const size of sizes) {
      const operand = kind === 'spread' ? uniformGraph({ nodes: size, edgesPerNode: 8, seed: 1 }) : matrixOf(size);
      const asked = ASKED[kind](operand);
      const measured = { size, resident: new Map(), cold: new Map() };
      measured.cold = await timesOf(backends, asked, { rounds, turnMs });
      for (const backend of backends) await backend.makeResident?.(operand);
      measured.resident = await timesOf(backends, asked, { rounds, turnMs });
      for (const backend of backends) backend.release?.(operand);
      curves[kind].push(measured);
    }
  }
  return curves;
}

/** The size from which the GPU is faster, between the measured ones; Infinity if it never is, 0 if it always is. */
export function crossover(points) {
  const faster = points.map(({ cpuMs, gpuMs }) => gpuMs < cpuMs);
  const last = faster.lastIndexOf(false);
  if (last === -1) return 0;
  if (last === points.length - 1) return Infinity;
  // On the logarithms, where both curves are nearly straight.
  const [low, high] = [points[last], points[last + 1]];
  const lead = ({ cpuMs, gpuMs }) => Math.log(gpuMs / cpuMs);
  const share = lead(low) / (lead(low) - lead(high));
  return Math.round(low.size * (high.size / low.size) ** share);
}

/** Milliseconds at any size: interpolated between the measured sizes on logarithms, and extrapolated from the nearest two. */
export function interpolate(points) {
  return (size) => {
    const above = points.findIndex((point) => point.size >= size);
    const high = above === -1 ? points.length - 1 : Math.max(1, above);
    const [a, b] = [points[high - 1], points[high]];
    const share = Math.log(size / a.size) / Math.log(b.size / a.size);
    return a.ms * (b.ms / a.ms) ** share;
  };
}

async function timesOf(backends, { request, output }, settings) {
  const method = { 'cosine-similarity': 'cosineSimilarity', 'top-k': 'topK', 'spread-activation': 'spreadActivation' };
  const contestants = backends.map((backend) => ({
    name: backend.id,
    async run() {
      const done = await backend[method[request.operation]](request, output);
      if (!done.ok) throw new Error(`${backend.id}: ${done.error.message}`);
    },
  }));
  const timings = await interleave(contestants, settings);
  return new Map(timings.map(({ name, medianNs }) => [name, medianNs / 1e6]));
}

function topK(operand, queries) {
  const indices = new Uint32Array(queries * Math.min(K, operand.rows));
  return {
    request: { operation: 'top-k', query: vectors(queries), queries, matrix: operand, k: K },
    output: { indices, scores: new Float32Array(indices.length), count: 0 },
  };
}

function matrixOf(rows) {
  return createMatrix(vectors(rows), { dimensions: DIMENSIONS, companion: 'none' });
}

/** Times do not depend on the values, as long as none is special. */
function vectors(rows) {
  return Float32Array.from({ length: rows * DIMENSIONS }, (_, i) => ((i * 2_654_435_761) % 1009) / 1009 - 0.5);
}

function activate(nodes) {
  return Float32Array.from({ length: nodes }, (_, node) => (node % 16 === 0 ? 1 : 0));
}
