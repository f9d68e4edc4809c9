import {
  createMatrix,
  RowSet,
  unwrap,
  type SyncBackend,
  type TopKOutput,
  type TopKRequest,
} from '@gearshift/contracts';
import { randomValues } from '@gearshift/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCpuBackend } from '../src/index.js';
import { describeAddon } from './addon-at-hand.js';

/** Large enough for a job on another thread. */
const ROWS = 250_000;
const DIMENSIONS = 64;
const values = new Float32Array(new SharedArrayBuffer(ROWS * DIMENSIONS * 4));
values.set(randomValues(ROWS * DIMENSIONS, 11));
/** No codes, which rankings that a busy machine holds up would pay for: they change the counts of an answer. */
const options = { dimensions: DIMENSIONS, companion: 'none' } as const;
const matrix = createMatrix(values, options);
const queries = randomValues(64 * DIMENSIONS, 12);
const queryOf = (i: number) => queries.slice(i * DIMENSIONS, (i + 1) * DIMENSIONS);

const requestOf = (i: number, more: Partial<TopKRequest> = {}): TopKRequest => ({
  operation: 'top-k',
  matrix,
  query: queryOf(i),
  k: 1 + (i % 7),
  ...more,
});

function outputOf({ k, queries: count = 1 }: TopKRequest): TopKOutput {
  return { indices: new Uint32Array(k * count), scores: new Float32Array(k * count), count: 0 };
}

describeAddon('top-k requests that arrive during a scan of the same rows', () => {
  let backend: SyncBackend;
  let apart: SyncBackend;

  beforeEach(async () => {
    backend = unwrap(await createCpuBackend());
    apart = unwrap(await createCpuBackend({ coalesce: false }));
    expect((await backend.makeResident?.(matrix))?.ok).toBe(true);
  });
  afterEach(async () => {
    await Promise.all([backend.close(), apart.close()]);
  });

  const ask = async (of: SyncBackend, request: TopKRequest, signal?: AbortSignal) => {
    const output = outputOf(request);
    const answer = await of.topK(request, output, signal);
    return { answer, output, merged: answer.ok ? (answer.value.mergedRequests ?? 1) : 0 };
  };

  it('are answered by one further scan, each with the bits that it has alone', async () => {
    const requests = Array.from({ length: 40 }, (_, i) => requestOf(i));
    const together = await Promise.all(requests.map((request) => ask(backend, request)));
    expect(together.map(({ merged }) => merged)).toEqual([1, ...Array<number>(39).fill(39)]);
    for (const [i, request] of requests.entries()) {
      const alone = await ask(apart, request);
      expect(alone.merged).toBe(1);
      expect(together[i].output).toEqual(alone.output);
    }
  });

  it('keep their own number of queries and minimum score', async () => {
    const several = requestOf(3, { query: queries.slice(0, 5 * DIMENSIONS), queries: 5, k: 4 });
    const best = await ask(apart, requestOf(1, { k: 3 }));
    const limited = requestOf(1, { k: 3, minScore: best.output.scores[1] });
    const [, own, cut] = await Promise.all([several, several, limited].map((request) => ask(backend, request)));
    expect([own.merged, cut.merged]).toEqual([2, 2]);
    expect(own.output).toEqual((await ask(apart, several)).output);
    expect(cut.output.count).toBe(2);
    expect([...cut.output.indices.subarray(0, 2)]).toEqual([...best.output.indices.subarray(0, 2)]);
  });

  it('are not merged with those of another metric, range or matrix, or with candidates', async () => {
    const other = createMatrix(values.slice(), options);
    expect((await backend.makeResident?.(other))?.ok).toBe(true);
    const requests = [
      requestOf(0),
      requestOf(1, { metric: 'dot' }),
      requestOf(2, { start: 1 }),
      requestOf(3, { matrix: other }),
      requestOf(4, { candidates: Uint32Array.from({ length: ROWS }, (_, row) => row) }),
    ];
    const answers = await Promise.all(requests.map((request) => ask(backend, request)));
    expect(answers.map(({ merged }) => merged)).toEqual([1, 1, 1, 1, 1]);
  });

  it('are merged with those that have a set of the same rows, and with no others', async () => {
    const even = () => RowSet.fromPredicate(ROWS, (row) => row % 2 === 0);
    const other = even();
    other.add(ROWS - 1);
    const sets = [even(), even(), undefined, other, even()];
    const requests = sets.map((where, i) => requestOf(i, { where }));
    const answers = await Promise.all(requests.map((request) => ask(backend, request)));
    expect(answers.map(({ merged }) => merged)).toEqual([1, 2, 1, 1, 2]);
    for (const [i, request] of requests.entries()) {
      expect(answers[i].output).toEqual((await ask(apart, request)).output);
    }
  });

  it('may change their query as soon as the call has returned', async () => {
    const query = queryOf(9);
    const first = ask(backend, requestOf(0));
    const second = ask(backend, requestOf(9, { query }));
    const third = ask(backend, requestOf(5));
    query.fill(0);
    await Promise.all([first, third]);
    expect((await second).output).toEqual((await ask(apart, requestOf(9))).output);
  });

  it('end alone when they are aborted while they wait or run', async () => {
    const [waiting, running, all] = [new AbortController(), new AbortController(), new AbortController()];
    const first = ask(backend, requestOf(0));
    const aborted = ask(backend, requestOf(1), waiting.signal);
    const later = ask(backend, requestOf(2), running.signal);
    const other = ask(backend, requestOf(3));
    waiting.abort();
    expect((await aborted).answer).toMatchObject({ ok: false, error: { kind: 'aborted' } });
    await first;
    running.abort();
    expect((await later).answer).toMatchObject({ ok: false, error: { kind: 'aborted' } });
    expect((await other).output).toEqual((await ask(apart, requestOf(3))).output);
    // A pass that no request waits for any more is given up.
    const leader = ask(backend, requestOf(0));
    const last = ask(backend, requestOf(4), all.signal);
    await leader;
    all.abort();
    expect((await last).answer.ok).toBe(false);
    expect((await ask(backend, requestOf(5))).output).toEqual((await ask(apart, requestOf(5))).output);
  });

  it('report an output that was transferred meanwhile, without harm to the others', async () => {
    const first = ask(backend, requestOf(0));
    const output = outputOf(requestOf(6));
    const gone = backend.topK(requestOf(6), output);
    const other = ask(backend, requestOf(5));
    structuredClone(output.scores, { transfer: [output.scores.buffer as ArrayBuffer] });
    await expect(gone).rejects.toThrow(TypeError);
    await first;
    expect((await other).output).toEqual((await ask(apart, requestOf(5))).output);
  });

  it('are all answered before the backend closes', async () => {
    const running = Array.from({ length: 10 }, (_, i) => ask(backend, requestOf(i)));
    await backend.close();
    expect((await Promise.all(running)).every(({ answer }) => answer.ok)).toBe(true);
  });
});

it.each([0, 'yes', null])('coalesce: %o is a TypeError', async (coalesce) => {
  await expect(createCpuBackend({ coalesce: coalesce as never })).rejects.toThrow('coalesce: expected a boolean');
});
