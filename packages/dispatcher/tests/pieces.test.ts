import { describe, expect, it } from 'vitest';
import {
  createMatrix,
  graphFromEdges,
  prepareRequest,
  RowSet,
  unwrap,
  type Completed,
  type ItemRange,
  type OperationRequest,
  type PartialAnswer,
  type Result,
  type RunError,
} from '@gearshift/contracts';
import { operationOf, type OperationOutput } from '@gearshift/contracts/internal';
import { createRandom, randomValues } from '@gearshift/testing';
import { createSimulatedDevice, type SimulatedDeviceOptions } from '@gearshift/testing/simulated-device';
import { describeWork, type FallbackMode } from '../src/index.js';
import { inVirtualTime, outcomesOf, twoDevices } from './placement-setup.js';

const ROWS = 37;
const DIMENSIONS = 8;
const matrix = createMatrix(randomValues(ROWS * DIMENSIONS, 1), { dimensions: DIMENSIONS });
const random = createRandom(7);
/** Every node has the same number of edges, so that pieces of equally many nodes have equal sizes. */
const edges = [1, 5, 11, 26].flatMap((step) =>
  Array.from({ length: ROWS }, (_, node) => [node, (node + step) % ROWS, random.integer(100) / 100] as const),
);
const graph = graphFromEdges(ROWS, edges);
const query = randomValues(DIMENSIONS, 2);
const queries = randomValues(3 * DIMENSIONS, 3);
const candidates = Uint32Array.from({ length: 30 }, (_, i) => (i * 11) % ROWS);
const activations = randomValues(ROWS, 4);
const where = RowSet.fromPredicate(ROWS, (row) => row % 3 !== 1);

const REQUESTS: readonly [string, OperationRequest][] = [
  ['cosine similarity', { operation: 'cosine-similarity', query, matrix }],
  [
    'scores of three queries and some rows',
    { operation: 'cosine-similarity', query: queries, queries: 3, matrix, start: 5, end: 33 },
  ],
  ['top-k', { operation: 'top-k', query, matrix, k: 10 }],
  [
    'top-k of three queries, euclidean',
    { operation: 'top-k', query: queries, queries: 3, matrix, k: 7, metric: 'euclidean' },
  ],
  ['top-k of more rows than there are', { operation: 'top-k', query, matrix, k: 100, metric: 'dot' }],
  ['top-k among candidates', { operation: 'top-k', query, matrix, k: 60, candidates }],
  ['scores of the rows of a set', { operation: 'cosine-similarity', query: queries, queries: 3, matrix, where }],
  ['top-k of the rows of a set', { operation: 'top-k', query: queries, queries: 3, matrix, k: 9, where }],
  ['top-k of few rows', { operation: 'top-k', query, matrix, k: 9, where: RowSet.fromRows([30, 36], ROWS) }],
  [
    'top-k of three queries from a score',
    { operation: 'top-k', query: queries, queries: 3, matrix, k: 9, minScore: 0.2 },
  ],
  ['top-k from a score that no row reaches', { operation: 'top-k', query, matrix, k: 9, minScore: 2 }],
  ['spreading', { operation: 'spread-activation', graph, activations, retention: 0.5 }],
  ['spreading to some nodes', { operation: 'spread-activation', graph, activations, start: 3, end: 30 }],
  ['spreading over three hops', { operation: 'spread-activation', graph, activations, hops: 3, decay: 0.9 }],
];

/** Memory for so many items of the request at once: 80 % of it is usable. */
function roomFor(items: number, request: OperationRequest) {
  const { batchSize, requestBytes, rangeBytes, outputBytes, operation } = describeWork(prepareRequest(request));
  const wholeBytes = requestBytes + (operation === 'top-k' ? outputBytes : 0);
  const itemBytes = (rangeBytes + (operation === 'top-k' ? 0 : outputBytes)) / batchSize;
  // A piece of a graph also has the end pointer of its last node.
  const endBytes = operation === 'spread-activation' ? 4 : 0;
  return { totalBytes: Math.ceil((wholeBytes + Math.ceil(items * itemBytes) + endBytes) / 0.8) };
}

function setUp(gpuOptions: Partial<SimulatedDeviceOptions> = {}, fallback: FallbackMode = 'cpu') {
  const devices = twoDevices(gpuOptions);
  const { attempts, dispatcher } = inVirtualTime([devices.gpu, devices.cpu], { fallback });
  return { ...devices, attempts, dispatcher: dispatcher(devices.scheduler) };
}

async function run(request: OperationRequest, gpuOptions?: Partial<SimulatedDeviceOptions>, fallback?: FallbackMode) {
  const { scheduler, dispatcher, attempts } = setUp(gpuOptions, fallback);
  const result = await scheduler.run(() => dispatcher.run(request));
  return { result, attempts: outcomesOf(attempts) };
}

/** The answer of a device with enough memory. */
const answerOf = async (request: OperationRequest) => unwrap((await run(request)).result).output;

function partialOf(result: Result<Completed, RunError>): PartialAnswer {
  if (result.ok || result.error.partial === null) throw new Error('expected an unfinished answer');
  return structuredClone(result.error.partial);
}

/** Without elements behind the last entry, which a resumed run leaves in the output of the run before. */
const trimmed = (request: OperationRequest, output: OperationOutput) =>
  operationOf(request).trimOutput(prepareRequest(request), output);

const itemsIn = (ranges: readonly ItemRange[]) => ranges.reduce((sum, { start, end }) => sum + end - start, 0);

const isOneHop = (request: OperationRequest) => request.operation !== 'spread-activation' || request.hops === undefined;

/** Every item is in exactly one range, done or remaining. */
function expectPartition({ done, remaining }: PartialAnswer, total: number): void {
  const all = [...done, ...remaining].sort((a, b) => a.start - b.start);
  expect(all.map(({ start }) => start)).toEqual([0, ...all.slice(0, -1).map(({ end }) => end)]);
  expect(all.at(-1)?.end).toBe(total);
}

describe.each(REQUESTS)('request in pieces: %s', (_name, request) => {
  it.each([1, 3, 10])('gives the same answer bit for bit in pieces of at most %i items', async (items) => {
    const { result, attempts } = await run(request, { memory: roomFor(items, request) }, 'never');
    expect(unwrap(result).output).toEqual(await answerOf(request));
    expect(attempts.length).toBeGreaterThan(1);
    expect(new Set(attempts)).toEqual(new Set(['gpu:0 success']));
  });

  it('gives the same answer in smaller and smaller pieces when the device has less memory than it reports', async () => {
    const memory = { ...roomFor(2, request), reportedOutsideBytes: () => -1e9 };
    const { result, attempts } = await run(request, { memory }, 'never');
    expect(unwrap(result).output).toEqual(await answerOf(request));
    expect(attempts[0]).toBe('gpu:0 out-of-memory');
    expect(new Set(attempts)).toEqual(new Set(['gpu:0 success', 'gpu:0 out-of-memory']));
  });

  it('has only the unfinished pieces done by the CPU when the GPU fails half-way', async () => {
    let calls = 0;
    const fault = () => (calls++ < 1 ? undefined : ({ kind: 'transient', afterMs: 1 } as const));
    const { result, attempts } = await run(request, { memory: roomFor(5, request), fault });
    expect(unwrap(result).output).toEqual(await answerOf(request));
    expect(new Set(attempts)).toEqual(new Set(['gpu:0 success', 'gpu:0 fault', '+cpu success']));
    expect(attempts.filter((attempt) => attempt === 'gpu:0 success')).toHaveLength(1);
  });

  it('is finished by the CPU without another GPU attempt when the GPU is lost half-way', async () => {
    let calls = 0;
    const fault = () => (calls++ < 1 ? undefined : ({ kind: 'fatal', afterMs: 1 } as const));
    const { result, attempts } = await run(request, { memory: roomFor(5, request), fault });
    expect(unwrap(result).output).toEqual(await answerOf(request));
    expect(attempts.slice(0, 3)).toEqual(['gpu:0 success', 'gpu:0 device-lost', '+cpu success']);
    expect(attempts.filter((attempt) => attempt.startsWith('gpu'))).toHaveLength(2);
  });
});

describe.each(REQUESTS)('resume(): %s', (_name, request) => {
  it('gives the same answer on another device after any number of finished pieces', async () => {
    const expected = await answerOf(request);
    let resumed = 0;
    for (let finished = 1; ; finished++) {
      let calls = 0;
      const fault = () => (calls++ < finished ? undefined : ({ kind: 'transient', afterMs: 1 } as const));
      const { result } = await run(request, { memory: roomFor(1, request), fault }, 'never');
      if (result.ok) break;
      expect(result.error.kind).toBe('fault');
      // A failure before the last hop leaves no partial answer.
      if (result.error.partial === null && !isOneHop(request)) continue;
      const partial = partialOf(result);
      const before = structuredClone(partial);
      expectPartition(partial, itemsIn(partial.done) + itemsIn(partial.remaining));

      const other = setUp(resumed % 2 === 0 ? { memory: roomFor(4, request) } : {}, 'never');
      const { output, attempts } = unwrap(await other.scheduler.run(() => other.dispatcher.resume(request, partial)));
      expect(trimmed(request, output)).toEqual(expected);
      expect(output).toBe(partial.output);
      if (isOneHop(request)) expect(outcomesOf(attempts).every((attempt) => attempt === 'gpu:0 success')).toBe(true);
      expect({ ...partial, output: null }).toEqual({ ...before, output: null });
      resumed += 1;
    }
    expect(resumed).toBeGreaterThan(3);
  });
});

describe.each(REQUESTS.filter(([, request]) => isOneHop(request)))('resume() repeatedly: %s', (_name, request) => {
  it('gives the same answer after several resumes, the last one on the CPU', async () => {
    const expected = await answerOf(request);
    let calls = 0;
    const fault = () => (calls++ % 3 < 2 ? undefined : ({ kind: 'transient', afterMs: 1 } as const));
    const { scheduler, dispatcher, cpu } = setUp({ memory: roomFor(1, request), fault }, 'never');
    await scheduler.run(async () => {
      let partial = partialOf(await dispatcher.run(request));
      for (let i = 0; i < 3; i++) {
        const remained = itemsIn(partial.remaining);
        const tries = partial.attempts.length;
        partial = partialOf(await dispatcher.resume(request, partial));
        expect(itemsIn(partial.remaining)).toBeLessThan(remained);
        expect(partial.attempts.length).toBe(tries + 3);
      }
      const alone = inVirtualTime([cpu]).dispatcher(scheduler);
      const { output, attempts } = unwrap(await alone.resume(request, partial));
      expect(outcomesOf(attempts)).toEqual(['cpu success']);
      expect(trimmed(request, output)).toEqual(expected);
    });
  });
});

it('answers from the rows that where has at the call, in every piece and on the fallback', async () => {
  for (const operation of ['top-k', 'cosine-similarity'] as const) {
    const given = { query, matrix, where: RowSet.fromRows([...where], ROWS) };
    const request: OperationRequest = operation === 'top-k' ? { operation, k: 9, ...given } : { operation, ...given };
    const expected = await answerOf(request);
    let calls = 0;
    const fault = () => (calls++ < 2 ? undefined : ({ kind: 'fatal', afterMs: 1 } as const));
    const { scheduler, dispatcher, attempts } = setUp({ memory: roomFor(5, request), fault });
    const result = await scheduler.run(() => {
      const running = dispatcher.run(request);
      given.where.words.fill(0xffff_ffff);
      return running;
    });
    expect(unwrap(result).output).toEqual(expected);
    expect(outcomesOf(attempts)).toContain('+cpu success');
  }
});

it('fails with out-of-memory when not even one item fits and there is no fallback', async () => {
  const request = { operation: 'cosine-similarity', query, matrix } as const;
  const memory = roomFor(0.9, request);
  const { result } = await run(request, { memory }, 'never');
  expect(result).toMatchObject({ ok: false, error: { kind: 'out-of-memory', attempts: [], partial: null } });
  expect(result.ok ? '' : result.error.message).toMatch(/memory/);
  const { attempts } = await run(request, { memory });
  expect(attempts).toEqual(['+cpu success']);
});

describe('resume()', () => {
  const request = { operation: 'cosine-similarity', query, matrix } as const;

  async function unfinished(): Promise<PartialAnswer<Float32Array>> {
    let calls = 0;
    const fault = () => (calls++ < 3 ? undefined : ({ kind: 'transient', afterMs: 1 } as const));
    return partialOf(
      (await run(request, { memory: roomFor(3, request), fault }, 'never')).result,
    ) as PartialAnswer<Float32Array>;
  }

  it('does not change or recompute the items that are done', async () => {
    const partial = await unfinished();
    const marked = itemsIn(partial.done);
    partial.output.fill(77, 0, marked);
    const { scheduler, dispatcher, gpu } = setUp();
    const { output } = unwrap(await scheduler.run(() => dispatcher.resume(request, partial)));
    expect([...output.subarray(0, marked)]).toEqual(Array<number>(marked).fill(77));
    expect(output.subarray(marked)).toEqual(((await answerOf(request)) as Float32Array).subarray(marked));
    expect(gpu.counts.calls).toBe(1);
  });

  it('returns the same partial answer when it fails again', async () => {
    const partial = await unfinished();
    const fault = () => ({ kind: 'transient', afterMs: 1 }) as const;
    const { scheduler, dispatcher } = setUp({ fault }, 'never');
    const result = await scheduler.run(() => dispatcher.resume(request, partial));
    const again = partialOf(result);
    expect({ done: again.done, remaining: again.remaining }).toEqual({
      done: partial.done,
      remaining: partial.remaining,
    });
    expect(again.output).toEqual(partial.output);
  });

  it('fails with invalid-input when the operand has changed since', async () => {
    const partial = await unfinished();
    const { scheduler, dispatcher, gpu } = setUp();
    const changed = { ...request, matrix: { ...matrix, version: matrix.version + 1 } };
    const result = await scheduler.run(() => dispatcher.resume(changed, partial));
    expect(result).toMatchObject({ ok: false, error: { kind: 'invalid-input', attempts: [], partial } });
    expect(gpu.counts.calls).toBe(0);
  });

  it('fails before it starts when the signal is aborted or the deadline is 0', async () => {
    const partial = await unfinished();
    const { scheduler, dispatcher, gpu } = setUp();
    const late = await scheduler.run(() => dispatcher.resume(request, partial, { deadlineMs: 0 }));
    expect(late).toMatchObject({ ok: false, error: { kind: 'deadline-exceeded', partial } });
    const signal = AbortSignal.abort();
    const aborted = await scheduler.run(() => dispatcher.resume(request, partial, { signal }));
    expect(aborted).toMatchObject({ ok: false, error: { kind: 'aborted', partial } });
    expect(gpu.counts.calls).toBe(0);
  });

  type Spoil = (partial: PartialAnswer<Float32Array>) => unknown;
  it.each<[string, Spoil, RegExp]>([
    ['is nothing', () => null, /partial/],
    ['is of another operation', (partial) => ({ ...partial, operation: 'top-k' }), /cosine-similarity/],
    ['is of another operand', (partial) => ({ ...partial, operand: { id: 9999, version: 1 } }), /partial\.operand\.id/],
    ['names no operand', (partial) => ({ ...partial, operand: undefined }), /partial\.operand/],
    ['has no output', (partial) => ({ ...partial, output: undefined }), /partial\.output/],
    ['has too small an output', (partial) => ({ ...partial, output: new Float32Array(3) }), /37/],
    ['has no ranges', (partial) => ({ ...partial, done: 'most' }), /partial\.done/],
    [
      'contains an item twice',
      (partial) => ({ ...partial, remaining: [{ start: 0, end: ROWS }] }),
      /exactly one range/,
    ],
    ['lacks an item', (partial) => ({ ...partial, remaining: [] }), /partial/],
    ['goes past the end', (partial) => ({ ...partial, remaining: [{ start: 0, end: 99 }] }), /partial/],
    ['has no attempts', (partial) => ({ ...partial, attempts: null }), /partial\.attempts/],
  ])('throws when the partial answer %s', async (_name, spoil, message) => {
    const spoilt = spoil(await unfinished()) as PartialAnswer;
    const { scheduler, dispatcher, gpu } = setUp();
    const resumed = scheduler.run(() => dispatcher.resume(request, spoilt));
    await expect(resumed).rejects.toThrow(message);
    await expect(resumed).rejects.toSatisfy((thrown) => thrown instanceof TypeError || thrown instanceof RangeError);
    expect(gpu.counts.calls).toBe(0);
  });
});

it('reports the finished and the remaining items when every device fails on one piece', async () => {
  const scheduler = twoDevices().scheduler;
  const broken = createSimulatedDevice({
    id: 'cpu',
    kind: 'cpu',
    scheduler,
    kernelMs: () => 1,
    fault: () => ({ kind: 'transient', afterMs: 1 }),
  });
  let calls = 0;
  const request = { operation: 'cosine-similarity', query, matrix } as const;
  const gpu = createSimulatedDevice({
    id: 'gpu:0',
    kind: 'gpu',
    scheduler,
    kernelMs: () => 1,
    uploadMs: () => 1,
    memory: roomFor(8, request),
    fault: () => (calls++ === 1 ? { kind: 'transient', afterMs: 1 } : undefined),
  });
  const dispatcher = inVirtualTime([gpu, broken]).dispatcher(scheduler);
  const result = await scheduler.run(() => dispatcher.run(request));
  const partial = partialOf(result);
  expectPartition(partial, ROWS);
  expect(result).toMatchObject({ ok: false, error: { kind: 'fault', cause: { backend: 'cpu' } } });
  const { output } = unwrap(await scheduler.run(() => dispatcher.resume(request, partial)));
  expect(output).toEqual(await answerOf(request));
});
