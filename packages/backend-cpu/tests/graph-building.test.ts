import { createGraph, unwrap, type CsrGraph } from '@gearshift/contracts';
import { expect, test } from 'vitest';
import { ADDON_STATUS, RESIDENT_STATE } from '@gearshift/native-kit';
import { encodeContext } from '../src/addon.js';
import { loadAddon } from '../src/native.js';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

const NODES = 4096;
const EDGES = 6 * 2 ** 20; // 50 MB: built by a job, in tens of milliseconds

/** Half of all edges end in node 1, so that one row alone is far longer than a slice; values are small whole numbers. */
function largeGraph(): CsrGraph {
  const rowPointers = new Uint32Array(NODES + 1);
  const shortRow = Math.floor(EDGES / 2 / (NODES - 1));
  for (let node = 0; node < NODES; node++) rowPointers[node + 1] = rowPointers[node] + (node === 1 ? 0 : shortRow);
  const longRow = EDGES - rowPointers[NODES];
  for (let node = 2; node <= NODES; node++) rowPointers[node] += longRow;
  const columns = Uint32Array.from({ length: EDGES }, (_, edge) => edge % NODES);
  return createGraph({ nodes: NODES, rowPointers, columns, weights: new Float32Array(EDGES).fill(1) });
}

describeAddon('building the resident copy of a graph', () => {
  const loaded = loadAddon().addon;
  if (loaded === null) return;
  const addon = loaded;
  const graph = largeGraph();
  const context = encodeContext(
    'cosine',
    addon.levels().findIndex(({ missing }) => missing === ''),
    1,
    1,
  );
  const { rowPointers, columns, weights } = graph;
  const last = NODES + EDGES;

  function fill(handle: number): number {
    let calls = 0;
    for (let from = 0; from < last; calls++)
      from = addon.fillGraph(context, handle, rowPointers, columns, weights, from);
    return calls;
  }

  test('takes several short calls', () => {
    const handle = addon.openGraph(-1, 1, NODES, EDGES);
    expect(addon.residentState(handle)).toBe(RESIDENT_STATE.ours);
    // With slices of one millisecond: more than a few calls, even on a fast machine.
    expect(fill(handle)).toBeGreaterThan(3);
    let calls = 0;
    let outcome = 0;
    for (; outcome === 0; calls++) outcome = addon.buildGraph(context, handle);
    expect(outcome).toBe(1);
    expect(calls).toBeGreaterThan(5);
    expect(addon.residentState(handle)).toBe(RESIDENT_STATE.ready);
    addon.release(handle);
  });

  test('ends on a thread of the addon when it is cancelled, and can be started again', async () => {
    const handle = addon.openGraph(-1, 1, NODES, EDGES);
    addon.residentState(handle);
    fill(handle);
    const cancelled = await new Promise((resolve) => addon.cancel(addon.startBuild(handle, resolve)));
    expect(cancelled).toBe(ADDON_STATUS.cancelled);
    expect(addon.residentState(handle)).toBe(RESIDENT_STATE.ours);
    fill(handle);
    expect(await new Promise((resolve) => addon.startBuild(handle, resolve))).toBe(0);
    expect(addon.residentState(handle)).toBe(RESIDENT_STATE.ready);
    addon.release(handle);
  });

  test('fails when no edges were filled in', () => {
    const handle = addon.openGraph(-1, 1, NODES, EDGES);
    expect(addon.buildGraph(context, handle)).toBe(ADDON_STATUS.invalidGraph);
    expect(() => addon.buildGraph(context, handle + 1)).toThrow(RangeError);
    addon.release(handle);
  });

  test('does not affect the next request after an abort', async () => {
    const backend = await createNativeBackend();
    const abort = new AbortController();
    const aborted = backend.makeResident(graph, abort.signal);
    setImmediate(() => abort.abort());
    expect(await aborted).toMatchObject({ ok: false, error: { kind: 'aborted' } });

    const output = new Float32Array(NODES);
    const activations = new Float32Array(NODES).fill(1);
    const request = { operation: 'spread-activation', graph, activations, decay: 0.5, retention: 1 } as const;
    unwrap(await backend.spreadActivation(request, output));
    const expected = Float32Array.from(activations, (_, node) => 1 + 0.5 * (rowPointers[node + 1] - rowPointers[node]));
    expect(output).toEqual(expected);
    await backend.close();
  });
});
