import { createGraph, graphFromEdges, unwrap, type CsrGraph, type SpreadActivationRequest } from '@gearshift/contracts';
import { CPU_LEVELS, createCpuBackend, type CpuBackendOptions } from '@gearshift/backend-cpu';
import { createRandom, type SeededRandom } from '@gearshift/testing';
import { expect, test } from 'vitest';

/*
 * docs/semantics.md: every level of the CPU backend gives the bits of the specification, which is the level `typescript`.
 */

type Spread = Omit<SpreadActivationRequest, 'operation'>;

async function spread(options: CpuBackendOptions, request: Spread): Promise<Float32Array> {
  const backend = unwrap(await createCpuBackend(options));
  const output = new Float32Array(request.graph.nodes);
  unwrap(await backend.spreadActivation({ operation: 'spread-activation', ...request }, output));
  const sync = new Float32Array(request.graph.nodes);
  unwrap(backend.spreadActivationSync({ operation: 'spread-activation', ...request }, sync));
  await backend.close();
  expect(sync).toEqual(output);
  return output;
}

/** Magnitudes from the smallest subnormal number to the largest float32. */
function extremeValues(count: number, random: SeededRandom): Float32Array {
  const extreme = () => (random.integer(2) - 0.5) * (1 + random.next()) * 2 ** (random.integer(277) - 149);
  return Float32Array.from({ length: count }, extreme);
}

/** Short rows, and one with the edges of a hub. */
function extremeGraph(nodes: number, hubEdges: number, random: SeededRandom): CsrGraph {
  const rowPointers = new Uint32Array(nodes + 1);
  for (let node = 0; node < nodes; node++) {
    rowPointers[node + 1] = rowPointers[node] + (node === nodes >> 1 ? hubEdges : random.integer(20));
  }
  const edges = rowPointers[nodes];
  const columns = Uint32Array.from({ length: edges }, () => random.integer(nodes));
  return createGraph({ nodes, rowPointers, columns, weights: extremeValues(edges, random) });
}

for (const level of CPU_LEVELS) {
  const attempt = await createCpuBackend({ level });
  if (!attempt.ok) {
    test(`level ${level} spreads with the bits of the specification`, ({ skip }) => {
      expect(attempt.error.kind).toBe('unsupported');
      skip(attempt.error.message);
    });
    continue;
  }
  await attempt.value.close();

  test.for([1, undefined])(
    `level ${level} spreads extreme values with the bits of the specification (threads: %s)`,
    async (threads) => {
      const random = createRandom(60);
      for (const [nodes, hubEdges] of [
        [30, 0],
        [300, 257],
        [3000, 5000],
      ]) {
        const graph = extremeGraph(nodes, hubEdges, random);
        const activations = extremeValues(nodes, random);
        for (const [decay, retention, threshold] of [
          [0.85, 0, 0],
          [2 ** -120, 0.5, 1e-30],
          [3e38, -1e-38, 0],
          [-1e-40, 3e38, 1e20],
        ]) {
          for (const hops of [1, 2, 5]) {
            const request = { graph, activations, decay, retention, threshold, hops };
            const specified = await spread({ level: 'typescript' }, request);
            expect(await spread({ level, threads }, request)).toEqual(specified);
          }
        }
      }
    },
  );

  test(`level ${level} sums many edges of one node without drift`, async () => {
    const nodes = 1000;
    const edges = 2_000_000;
    const rowPointers = new Uint32Array(nodes + 1).fill(edges);
    rowPointers[0] = 0;
    const columns = Uint32Array.from({ length: edges }, (_, edge) => edge % nodes);
    const graph = createGraph({ nodes, rowPointers, columns, weights: new Float32Array(edges).fill(0.1) });
    const activations = new Float32Array(nodes).fill(1);
    const [hub] = await spread({ level }, { graph, activations, decay: 1 });
    expect(hub).toBe(Math.fround(edges * Math.fround(0.1)));
  });

  test(`level ${level} does not overflow where the result is finite`, async () => {
    const graph = graphFromEdges(4, [
      [0, 3, 3e38],
      [1, 3, 3e38],
      [2, 3, -3e38],
    ]);
    const activations = new Float32Array(4).fill(1);
    const half = Math.fround(3e38) / 2;
    expect([...(await spread({ level }, { graph, activations, decay: 0.5 }))]).toEqual([0, 0, 0, half]);
  });
}
