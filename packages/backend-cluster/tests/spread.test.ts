import { prepareSpreadActivation, unwrap, type CsrGraph } from '@gearshift/contracts';
import { effort, seedOr } from '@gearshift/vitest-config/effort';
import { createRandom, powerLawGraph, randomValues } from '@gearshift/testing';
import { type ClusterBackend } from '@gearshift/backend-cluster';
import { afterEach, describe, expect, it } from 'vitest';
import { formOf, storedForm, storedId } from '../src/queries/frontier-form.js';
import { Subjects } from '../src/subjects.js';
import { decodeAnswerHeader } from '../src/wire/answer.js';
import {
  decodeFrontierPiece,
  encodeFrontierPiece,
  FRONTIER_HEADER_BYTES,
  type FrontierPiece,
} from '../src/wire/frontier-piece.js';
import { decodeQuery, encodeQuery, type ShardQuery } from '../src/wire/query.js';
import { SettledClock } from './settled-clock.js';
import { CLUSTER_NAME, sharedCpu, startCluster, type TestCluster } from './start-cluster.js';

/** Of 3000 nodes, a message has room for a few hundred. */
const NODES = 3000;
const PAYLOAD_BYTES = 2048;
const graph = powerLawGraph({ nodes: NODES, edgesPerNode: 6, seed: 4 });
const dense = randomValues(NODES, 5);
const sparse = new Float32Array(NODES);
for (const node of [0, 17, 1500, NODES - 1]) sparse[node] = 1 + node;

let cluster: TestCluster | undefined;
const clock = new SettledClock();
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

const bitsOf = ({ buffer, byteOffset, length }: Float32Array) => [...new Uint32Array(buffer, byteOffset, length)];
const begin = async (workers: number) => {
  cluster = await startCluster({ workers, clock, network: { maxPayloadBytes: PAYLOAD_BYTES } });
  return cluster;
};

/** `'right'` if the answer has the bits of one CPU; otherwise the kind of the error. */
async function spread(backend: ClusterBackend, of: CsrGraph, activations: Float32Array, options: object) {
  const request = prepareSpreadActivation({ operation: 'spread-activation', graph: of, activations, ...options });
  const [mine, expected] = [new Float32Array(request.outputLength), new Float32Array(request.outputLength)];
  const answer = await clock.advanceUntil(backend.spreadActivation(request, mine));
  if (!answer.ok) return answer.error.kind;
  unwrap(await (await sharedCpu()).spreadActivation(request, expected));
  expect(bitsOf(mine)).toEqual(bitsOf(expected));
  return 'right';
}

describe('a graph with more nodes than fit in a message', () => {
  it.each([1, 2, 4])('is spread over by %i workers with the bits of one CPU', async (workers) => {
    const { backend, workers: running } = await begin(workers);
    const special = dense.slice();
    special.set([-0, NaN, Infinity, 1e-45], 7);
    for (const activations of [dense, sparse, special, new Float32Array(NODES), new Float32Array(NODES).fill(-0)]) {
      for (const options of [
        { hops: 1 },
        { hops: 4, threshold: 0.05, retention: 0.3 },
        { start: 1100, end: 2900, retention: 1 },
      ]) {
        expect(await spread(backend, graph, activations, options)).toBe('right');
      }
    }
    await clock.advance(10);
    // No activations are left on the workers.
    for (const worker of running) {
      const { freeBytes, maxBytes, shards } = worker.describe();
      const held = shards.reduce(
        (sum, { end, start, edges, rows }) => sum + 4 * (end - start + rows + 2 + 2 * edges),
        0,
      );
      expect(freeBytes).toBe(maxBytes - held);
    }
  });

  it('is answered although a worker hangs, or is killed, and fails typed when all are gone', async () => {
    const { backend, network } = await begin(4);
    expect(await spread(backend, graph, dense, { hops: 2 })).toBe('right');
    network.pause('w1');
    for (let i = 0; i < 3; i++) expect(await spread(backend, graph, dense, { hops: 2 })).toBe('right');
    network.resume('w1');
    await clock.advance(3000);
    network.kill('w2');
    for (let i = 0; i < 3; i++) expect(await spread(backend, graph, dense, { hops: 2 })).toBe('right');
    for (const name of ['w0', 'w1', 'w3']) network.kill(name);
    expect(await spread(backend, graph, dense, { hops: 2 })).toBe('unreachable');
  });

  it('ends at once when the request is aborted', async () => {
    const { backend, network } = await begin(2);
    expect(await spread(backend, graph, dense, { hops: 1 })).toBe('right');
    for (const name of ['w0', 'w1']) network.setLink(name, { delayMs: 500 });
    const controller = new AbortController();
    const request = prepareSpreadActivation({ operation: 'spread-activation', graph, activations: dense });
    const answering = backend.spreadActivation(request, new Float32Array(NODES), controller.signal);
    await clock.advance(100);
    controller.abort();
    const startedAtMs = clock.nowMs();
    const answer = await clock.advanceUntil(answering);
    expect(answer.ok ? 'ok' : answer.error.kind).toBe('aborted');
    expect(clock.nowMs() - startedAtMs).toBeLessThan(10);
  });
});

describe('the activations of a hop', () => {
  it('are sent as active nodes where that is less, and keep every bit', () => {
    const few = Float32Array.of(0, 1.5, 0, 0, -0, 0, NaN, 0);
    expect(formOf(few, 100)).toEqual({
      filter: 'sparse',
      rows: Uint32Array.of(1, 4, 6),
      numbers: Float32Array.of(1.5, -0, NaN),
    });
    expect(formOf(Float32Array.of(1, 2, 0), 100)).toMatchObject({ filter: 'all', numbers: Float32Array.of(1, 2, 0) });
    expect(formOf(few, 23)).toBeUndefined();
    expect(formOf(Float32Array.of(1, 2, 3), 11)).toBeUndefined();
    for (const id of [0, 1, 2 ** 53 - 1]) expect(storedId(storedForm(id).rows)).toBe(id);
  });

  const piece = (fields: Partial<FrontierPiece> = {}): FrontierPiece => ({
    index: 1,
    id: 2 ** 50 + 1,
    nodes: 10,
    first: 4,
    pieces: 3,
    budgetMs: 500,
    activations: Float32Array.of(1, -0, NaN),
    ...fields,
  });

  it('are the same after their pieces were encoded and decoded, and wrong pieces are refused', () => {
    expect(decodeFrontierPiece(encodeFrontierPiece(piece()))).toEqual(piece());
    for (const fields of [
      { index: 3 },
      { id: 0.5 },
      { nodes: 0 },
      { nodes: 2 ** 28 + 1 },
      { first: 8 },
      { first: 2 ** 32 - 1 },
      { pieces: 0 },
      { pieces: 11 },
      { activations: new Float32Array(0) },
    ] as Partial<FrontierPiece>[]) {
      expect(decodeFrontierPiece(encodeFrontierPiece(piece(fields))), JSON.stringify(fields)).toBeTypeOf('string');
    }
  });

  it('never make the decoder throw or read outside of the message, whatever the bytes', () => {
    const random = createRandom(seedOr(31));
    const valid = encodeFrontierPiece(piece());
    let accepted = 0;
    for (let round = 0; round < effort({ test: 20_000, ci: 200_000 }); round++) {
      const bytes = valid.slice(0, round % 4 === 0 ? random.integer(valid.length + 1) : valid.length);
      for (let i = 0; i < random.integer(4) && bytes.length > 0; i++)
        bytes[random.integer(bytes.length)] = random.integer(256);
      const decoded = decodeFrontierPiece(bytes);
      if (typeof decoded === 'string') continue;
      accepted += 1;
      expect(decoded.activations.length * 4).toBe(bytes.length - FRONTIER_HEADER_BYTES);
      expect(decoded.first + decoded.activations.length).toBeLessThanOrEqual(decoded.nodes);
      expect(decoded.index).toBeLessThan(decoded.pieces);
    }
    expect(accepted).toBeGreaterThan(1000);
  });

  const queryOf = (fields: Partial<ShardQuery>): ShardQuery => ({
    ...{ key: 'g1', operation: 'spread-activation', metric: 'cosine', shard: 0, budgetMs: 9, id: 1, generation: 2 },
    ...{ decay: 0.5, retention: 0, threshold: 0, k: 0, queries: 1, dimensions: 10, start: 0, end: 10 },
    ...{ traceId: new Uint8Array(16), filter: 'sparse', rows: Uint32Array.of(0, 9), numbers: Float32Array.of(1, 2) },
    ...fields,
  });

  it('are the same after a query was encoded and decoded, and wrong ones are refused', () => {
    const none = { rows: new Uint32Array(0), numbers: new Float32Array(0) };
    for (const fields of [{}, none, storedForm(77)]) {
      const query = queryOf(fields);
      expect(decodeQuery(encodeQuery(query))).toEqual(query);
    }
    for (const fields of [
      { rows: Uint32Array.of(0, 10) },
      { rows: Uint32Array.of(9, 9) },
      { rows: Uint32Array.of(9, 0) },
      { numbers: Float32Array.of(1) },
      { dimensions: 1, end: 1 },
      { filter: 'stored' },
      { filter: 'stored', rows: Uint32Array.of(1), numbers: new Float32Array(0) },
      { operation: 'cosine-similarity' },
      { operation: 'top-k', k: 1, ...storedForm(1) },
    ] as Partial<ShardQuery>[]) {
      expect(decodeQuery(encodeQuery(queryOf(fields))), JSON.stringify(fields)).toBeTypeOf('string');
    }
  });

  it('take no memory of a worker for a graph that it does not hold, and none for long', async () => {
    const { backend, network, workers } = await begin(1);
    expect(await spread(backend, graph, sparse, { hops: 1 })).toBe('right');
    const transport = network.connect('stranger');
    const { freeBytes } = workers[0].describe();
    const send = async (fields: Partial<FrontierPiece>) => {
      const subject = new Subjects(CLUSTER_NAME).worker('w0', 'query');
      const message = encodeFrontierPiece(piece({ nodes: NODES, ...fields }));
      const header = decodeAnswerHeader(await clock.advanceUntil(transport.ask(subject, message, { timeoutMs: 1000 })));
      return typeof header === 'string' ? header : header.status;
    };
    expect(await send({ nodes: NODES + 1 })).toBe('stale');
    expect(await send({ nodes: 2 ** 28 })).toBe('stale');
    expect(await send({})).toBe('ok');
    expect(await send({ pieces: 4 })).toBe('invalid-input');
    expect(workers[0].describe().freeBytes).toBe(freeBytes - 4 * NODES);
    await clock.advance(501);
    expect(workers[0].describe().freeBytes).toBe(freeBytes);
    // As many as there is memory for.
    await cluster?.close();
    cluster = await startCluster({ workers: 1, clock, worker: { maxBytes: 200_000 } });
    expect(await spread(cluster.backend, graph, sparse, { hops: 1 })).toBe('right');
    const again = cluster.network.connect('stranger');
    // The graph itself makes no room for them, however long no request has used it.
    for (const idleMs of [0, 61_000]) {
      await clock.advance(idleMs);
      const statuses = [];
      for (let id = 0; id < 10; id++) {
        const message = encodeFrontierPiece(piece({ nodes: NODES, id }));
        const subject = new Subjects(CLUSTER_NAME).worker('w0', 'query');
        const header = decodeAnswerHeader(await clock.advanceUntil(again.ask(subject, message, { timeoutMs: 1000 })));
        statuses.push(typeof header === 'string' ? header : header.status);
      }
      expect(statuses).toContain('ok');
      expect(statuses.at(-1)).toBe('overloaded');
      expect(cluster.workers[0].describe().shards).toHaveLength(1);
    }
  });
});
