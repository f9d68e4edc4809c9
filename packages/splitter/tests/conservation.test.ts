import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { unwrap } from '@gearshift/contracts';
import { effort, seedOr, tellCount } from '@gearshift/vitest-config/effort';
import { expect, it } from 'vitest';
import {
  createMemoryBudget,
  processInChunks,
  resume,
  type ItemFunction,
  type ItemOptions,
  type PartialRun,
  type ItemOutput,
} from '../src/index.js';
import { FakeDevice } from './fake-device.js';
import { ACTIONS, answerFor, ScriptedFunction, type BackendLikeError } from './scripted-function.js';
import { VirtualTime } from './virtual-time.js';

const SCRIPTS = effort({ test: 20_000, ci: 100_000, nightly: 10_000_000, mutation: 2000 });
const SEED = seedOr(20_261_123);
const BYTES_PER_ITEM = 100;

const scenario = fc.record({
  total: fc.integer({ min: 0, max: 40 }),
  script: fc.array(fc.constantFrom(...ACTIONS), { maxLength: 12 }),
  fallbackScript: fc.array(fc.constantFrom(...ACTIONS), { maxLength: 4 }),
  onFault: fc.constantFrom('cpu' as const, 'stop' as const, 'collect' as const),
  mostItems: fc.constantFrom(Infinity, 1, 3, 8),
  maxChunkItems: fc.constantFrom(Infinity, 1, 4, 16),
  minChunkItems: fc.constantFrom(1, 2),
  capBytes: fc.constantFrom(Infinity, 50, 100, 450, 3200),
  memoryWaitMs: fc.constantFrom(0, 1000),
  freeIdle: fc.constantFrom(undefined, true, false),
  isAborted: fc.integer({ min: 0, max: 30 }),
  concurrency: fc.integer({ min: 1, max: 4 }),
  retries: fc.integer({ min: 0, max: 2 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer S> ? S : never;

const kindsSeen = new Set<string>();

async function play(scene: Scenario): Promise<void> {
  const { total, onFault, maxChunkItems, capBytes } = scene;
  const items = Array.from({ length: total }, (_, index) => index);
  const expected = items.map(answerFor);
  const time = new VirtualTime();
  const primary = new ScriptedFunction(scene.script, scene.mostItems);
  const fallback = new ScriptedFunction(scene.fallbackScript);
  const budget = createMemoryBudget(new FakeDevice(1e6), { capBytes, clock: time.clock, abandonedHoldMs: 500 });
  const controller = new AbortController();
  let calls = 0;
  const underWay = new Set<AbortSignal>();
  const called =
    ({ fn }: ScriptedFunction): ItemFunction<number, number, BackendLikeError> =>
    async (chunk, signal) => {
      underWay.add(signal);
      check(
        [...underWay].filter(({ aborted }) => !aborted).length <= scene.concurrency,
        'too many calls are under way',
      );
      try {
        return await fn(chunk, signal);
      } finally {
        underWay.delete(signal);
      }
    };
  const options: ItemOptions<number, number, BackendLikeError> = {
    ...time.options(),
    onFault,
    fallback: called(fallback),
    maxChunkItems,
    minChunkItems: Math.min(scene.minChunkItems, maxChunkItems),
    budget,
    bytesPerItem: BYTES_PER_ITEM,
    signal: controller.signal,
    chunkTimeoutMs: 1000,
    concurrency: scene.concurrency,
    retry: { attempts: scene.retries, delayMs: 20 },
    memoryWaitMs: scene.memoryWaitMs,
    freeIdleMemory: scene.freeIdle === undefined ? undefined : () => scene.freeIdle,
  };
  const run = processInChunks(items, options, (chunk, signal) => {
    check(budget.reservedBytes() <= capBytes, 'more is reserved than the cap');
    calls += 1;
    if (calls === scene.isAborted) controller.abort();
    return called(primary)(chunk, signal);
  });
  const result = await time.until(run);
  const settleLate = [...primary.settleLate, ...fallback.settleLate];

  // Neither function does an item twice, nor do both do it.
  const first = primary.successes(total);
  const second = fallback.successes(total);
  const counts = items.map((item) => first[item] + second[item]);
  check(
    counts.every((count) => count <= 1),
    'an item was done twice',
  );

  kindsSeen.add(result.ok ? 'success' : result.error.kind);
  if (result.ok) check(isDeepStrictEqual(result.value, expected), 'wrong results');
  else {
    const { error } = result;
    const copy = structuredClone(error);
    check(isDeepStrictEqual(copy, error), 'the error is not plain data');
    checkPartition(error.partial, expected);
    for (const settle of settleLate) settle();
    await new Promise((resolve) => setImmediate(resolve));
    checkPartition(error.partial, expected);

    // The resumed run ends with the results of a clean run and does not change finished items.
    const clean = new ScriptedFunction([]);
    const resumed = await time.until(resume(copy.partial, items, { maxChunkItems: 7, ...time.options() }, clean.fn));
    check(isDeepStrictEqual(unwrap(resumed), expected), 'wrong results after resuming');
    const again = clean.calls.flatMap((call) => call.items);
    const remaining = copy.partial.remaining.flatMap(({ start, end }) => items.slice(start, end));
    check(isDeepStrictEqual(again, remaining), 'not exactly what remained was done again');
    check(isDeepStrictEqual(copy, error), 'resuming changed the partial run');
  }
  for (const settle of settleLate) settle();
  if (settleLate.length > 0) await new Promise((resolve) => setImmediate(resolve));
  check(budget.reservedBytes() === 0, 'reservations are left');
  check(time.pending === 0, 'timers are left');
}

/** Used instead of `expect`, one call of which takes longer than a whole script. */
function check(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new Error(otherwise);
}

/** Every item in exactly one range, done ones with their answers, the others without. */
function checkPartition(partial: PartialRun<ItemOutput<number>>, expected: number[]): void {
  const seen = new Array<number>(expected.length).fill(0);
  for (const { start, end } of partial.done) {
    for (let item = start; item < end; item++) {
      seen[item] += 1;
      if (partial.output[item] !== expected[item]) throw new Error(`item ${item} is done, but has no right result`);
    }
  }
  for (const { start, end } of partial.remaining) {
    for (let item = start; item < end; item++) {
      seen[item] += 1;
      if (item in partial.output) throw new Error(`item ${item} remains, but has a result`);
    }
  }
  if (seen.some((count) => count !== 1)) throw new Error(`not every item is in one range: ${seen.join()}`);
}

it(`keeps every item exactly once, done or remaining, in ${SCRIPTS} random scripts (seed ${SEED})`, async () => {
  await fc.assert(fc.asyncProperty(scenario, play), { numRuns: SCRIPTS, seed: SEED });
  tellCount('R8', SCRIPTS);
  // The scripts reach every kind of end that they can.
  expect([...kindsSeen].sort()).toEqual([
    'aborted',
    'chunk-failed',
    'device-fault',
    'device-lost',
    'invalid-input',
    'invalid-result',
    'item-too-large',
    'length-mismatch',
    'out-of-memory',
    'overloaded',
    'success',
    'timeout',
  ]);
}, 900_000);
