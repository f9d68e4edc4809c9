import { createGraph, unwrap, type CsrGraph, type SpreadActivationRequest } from '@gearshift/contracts';
import { CPU_LEVELS, createCpuBackend } from '@gearshift/backend-cpu';
import { createRandom } from '@gearshift/testing';
import { collectGarbage } from '@gearshift/vitest-config/collect-garbage';
import { expect, test, vi } from 'vitest';
import { encodeContext } from '../src/addon.js';
import { loadAddon } from '../src/native.js';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

const NODES = 4000;
const EDGES = 32_000;
/** Hops that read the whole graph although few nodes are active, before it gets its transposed form. */
const PRICE_IN_HOPS = 16;

type Spread = Omit<SpreadActivationRequest, 'operation' | 'graph'>;

/** Unsorted rows with repeated edges, and one of a hub; some rows have no edges. */
function randomGraph(seed: number, weightOf = (weight: number) => weight): CsrGraph {
  const random = createRandom(seed);
  const rowPointers = new Uint32Array(NODES + 1);
  const hubEdges = 6000;
  const others = Array.from({ length: EDGES - hubEdges }, () => random.integer(NODES / 2) * 2);
  for (const node of others) rowPointers[node + 1] += 1;
  rowPointers[8] += hubEdges;
  for (let node = 0; node < NODES; node++) rowPointers[node + 1] += rowPointers[node];
  const columns = Uint32Array.from({ length: EDGES }, () => random.integer(NODES));
  const weights = Float32Array.from({ length: EDGES }, () => weightOf(random.next() - 0.5));
  return createGraph({ nodes: NODES, rowPointers, columns, weights });
}

function regularGraph(degree: number): CsrGraph {
  return createGraph({
    nodes: NODES,
    rowPointers: Uint32Array.from({ length: NODES + 1 }, (_, node) => node * degree),
    columns: Uint32Array.from({ length: NODES * degree }, (_, edge) => (edge * 8) % NODES),
    weights: new Float32Array(NODES * degree).fill(0.5),
  });
}

/** Zero but for these nodes. */
function active(...nodes: number[]): Float32Array {
  const activations = new Float32Array(NODES);
  for (const [place, node] of nodes.entries()) activations[node] = 1 + place / 3;
  return activations;
}

const { addon } = loadAddon();

describeAddon('spreading from few nodes', () => {
  const specification = async (graph: CsrGraph, spread: Spread) => {
    const backend = unwrap(await createCpuBackend({ level: 'typescript' }));
    const output = new Float32Array(NODES);
    unwrap(backend.spreadActivationSync({ operation: 'spread-activation', graph, ...spread }, output));
    await backend.close();
    return output;
  };

  /** Asks for hops from one node until the graph has its transposed form. */
  async function transposed(graph: CsrGraph, options = {}) {
    const backend = await createNativeBackend(options);
    unwrap(await backend.makeResident(graph));
    const { residentBytes } = backend.residency(graph);
    const spread = { graph, activations: active(3), operation: 'spread-activation' } as const;
    const output = new Float32Array(NODES);
    for (let hop = 0; hop < PRICE_IN_HOPS; hop++) unwrap(backend.spreadActivationSync(spread, output));
    await vi.waitFor(() => expect(backend.residency(graph).residentBytes).toBeGreaterThan(residentBytes), 20_000);
    return { backend, residentBytes };
  }

  for (const level of CPU_LEVELS.filter((name) => name !== 'typescript')) {
    test(`has the bits of the specification at the level ${level}`, async ({ skip }) => {
      const attempt = await createCpuBackend({ level });
      if (!attempt.ok) return skip(attempt.error.message);
      await attempt.value.close();
      const graph = randomGraph(1);
      const { backend } = await transposed(graph, { level });
      const many = Array.from({ length: 1000 }, (_, place) => place * 3);
      for (const activations of [active(), active(5), active(8, 9, 10), active(...many), active(2).fill(-0, 1000)]) {
        for (const hops of [1, 2, 3, 4, 7]) {
          for (const options of [
            {},
            { retention: 0.5, threshold: 0.01 },
            { decay: -0.5 },
            { retention: -1, decay: -1 },
          ]) {
            const spread = { activations, hops, ...options };
            const expected = await specification(graph, spread);
            const output = new Float32Array(NODES).fill(-7);
            unwrap(backend.spreadActivationSync({ operation: 'spread-activation', graph, ...spread }, output));
            expect(output).toEqual(expected);
            output.fill(-7);
            unwrap(await backend.spreadActivation({ operation: 'spread-activation', graph, ...spread }, output));
            expect(output).toEqual(expected);
          }
        }
      }
      await backend.close();
    });
  }

  test('has the bits of the specification in pieces', async () => {
    const graph = randomGraph(2);
    const { backend } = await transposed(graph);
    const spread = { activations: active(1, 700), retention: 0.25 };
    const whole = await specification(graph, spread);
    for (const [start, end] of [
      [0, 1],
      [9, 1500],
      [1500, NODES],
    ]) {
      const piece = new Float32Array(end - start).fill(-7);
      const request = { operation: 'spread-activation', graph, ...spread, start, end } as const;
      unwrap(backend.spreadActivationSync(request, piece));
      expect(piece).toEqual(whole.subarray(start, end));
    }
    await backend.close();
  });

  test.for([NaN, Infinity, -Infinity])(
    'has the bits of the specification with activations and weights of %s',
    async (odd) => {
      let count = 0;
      for (const graph of [randomGraph(3), randomGraph(3, (weight) => (count++ === 700 ? odd : weight))]) {
        const { backend } = await transposed(graph);
        for (const activations of [active(3), active(3).fill(odd, 20, 22)]) {
          const spread = { activations, hops: 2 };
          const output = new Float32Array(NODES).fill(-7);
          unwrap(backend.spreadActivationSync({ operation: 'spread-activation', graph, ...spread }, output));
          expect(output).toEqual(await specification(graph, spread));
        }
        await backend.close();
      }
    },
  );

  test('reads the whole graph until that took as long as the transposed form does', async () => {
    const backend = await createNativeBackend();
    const graph = randomGraph(4);
    unwrap(await backend.makeResident(graph));
    const { residentBytes } = backend.residency(graph);
    const output = new Float32Array(NODES);
    const ask = (activations: Float32Array, hops: number) =>
      unwrap(backend.spreadActivationSync({ operation: 'spread-activation', graph, activations, hops }, output));
    // Where many nodes are active, the form saves nothing.
    for (let round = 0; round < 3 * PRICE_IN_HOPS; round++) ask(new Float32Array(NODES).fill(1), 1);
    for (let hop = 1; hop < PRICE_IN_HOPS; hop++) ask(active(3), 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(backend.residency(graph).residentBytes).toBe(residentBytes);
    ask(active(3), 1);
    await vi.waitFor(() => expect(backend.residency(graph).residentBytes).toBeGreaterThan(residentBytes), 20_000);
    // 8 bytes an edge, 12 a node and the working space.
    expect(backend.residency(graph).residentBytes).toBeGreaterThan(residentBytes + EDGES * 8 + NODES * 12);
    expect(backend.residency(graph).residentBytes).toBeLessThan(residentBytes + EDGES * 9 + NODES * 14);
    backend.release(graph);
    expect(backend.residency(graph).residentBytes).toBe(0);
    await backend.close();
  });

  test('reports the memory of the transposed form to V8 until the graph is released', async () => {
    if (addon === null) return;
    const reportedBytes = () => addon.reportMemory({}, 0);
    // 17 MB more for the transposed form, beside which whatever else the process reports meanwhile is small.
    const graph = regularGraph(500);
    const backend = await createNativeBackend();
    unwrap(await backend.makeResident(graph));
    await collectGarbage();
    const before = reportedBytes();
    const residentBytes = backend.residency(graph).residentBytes;
    const output = new Float32Array(NODES);
    const spread = { graph, activations: active(3), operation: 'spread-activation' } as const;
    for (let hop = 0; hop < PRICE_IN_HOPS; hop++) unwrap(backend.spreadActivationSync(spread, output));
    await vi.waitFor(() => expect(backend.residency(graph).residentBytes).toBeGreaterThan(residentBytes), 20_000);
    const added = backend.residency(graph).residentBytes - residentBytes;
    expect(added).toBeGreaterThan(8 * NODES * 500);
    expect(reportedBytes()).toBeGreaterThan(before + added / 2);
    backend.release(graph);
    expect(reportedBytes()).toBeLessThan(before - added / 2);
    expect(graph.weights[0]).toBe(0.5); // the arrays are still in use
    await backend.close();
  });

  test('gives the transposed form to asynchronous requests, too', async () => {
    const backend = await createNativeBackend();
    const graph = randomGraph(5);
    unwrap(await backend.makeResident(graph));
    const { residentBytes } = backend.residency(graph);
    const output = new Float32Array(NODES);
    const request = { operation: 'spread-activation', graph, activations: active(3) } as const;
    for (let hop = 0; hop < PRICE_IN_HOPS; hop++) unwrap(await backend.spreadActivation(request, output));
    await vi.waitFor(() => expect(backend.residency(graph).residentBytes).toBeGreaterThan(residentBytes), 20_000);
    await backend.close();
  });

  test('survives a release while the transposed form is made', async () => {
    const backend = await createNativeBackend();
    const output = new Float32Array(NODES);
    // The form of the large graph is made in several pieces.
    for (const graph of [...Array.from({ length: 10 }, () => randomGraph(6)), regularGraph(500)]) {
      const request = { operation: 'spread-activation', graph, activations: active(8) } as const;
      for (let hop = 0; hop < PRICE_IN_HOPS; hop++) unwrap(backend.spreadActivationSync(request, output));
      await new Promise(setImmediate);
      backend.release(graph);
      expect(backend.residency(graph).residentBytes).toBe(0);
      unwrap(backend.spreadActivationSync(request, output));
      expect(output).toEqual(await specification(graph, { activations: request.activations }));
    }
    await backend.close();
  });

  test('does nothing for a handle that names no graph, and refuses several hops over a part', () => {
    if (addon === null) return;
    expect(() => addon.transposeDue(12_345)).toThrow(RangeError);
    expect(() => addon.startTranspose(12_345, () => undefined)).toThrow(RangeError);
    expect(encodeContext('cosine', 0, 1, 1)).toBeGreaterThan(0);
  });
});
