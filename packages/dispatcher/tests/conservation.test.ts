import { isDeepStrictEqual } from 'node:util';
import { effort, seedOr, tellCount } from '@gearshift/vitest-config/effort';
import { describe, expect, it } from 'vitest';
import type { Completed, ItemRange, OperationRequest, PartialAnswer, Result, RunError } from '@gearshift/contracts';
import { createRandom, randomValues } from '@gearshift/testing';
import { createSimulatedDevice, createVirtualScheduler } from '@gearshift/testing/simulated-device';
import { inVirtualTime } from './placement-setup.js';
import {
  graph,
  matrices,
  NODES,
  randomEnding,
  randomRequest,
  randomScript,
  type DoneItems,
  type Script,
} from './random-script.js';

/** Random scripts; a nightly run may ask for more. */
const SCRIPTS = effort({ test: 2000, ci: 5000, nightly: 200_000, mutation: 400 });
const SEED = seedOr(20_261_123);
/** Scripts that found something once. */
const REMEMBERED = [20_263_447];
/** Longer than every limit. */
const ALL_OVER_MS = 100_000;

/** Runs the request on a separate device without faults. */
async function run(request: OperationRequest, partial?: PartialAnswer) {
  const scheduler = createVirtualScheduler();
  const cpu = createSimulatedDevice({ id: 'cpu', kind: 'cpu', scheduler, kernelMs: () => 1 });
  const dispatcher = inVirtualTime([cpu]).dispatcher(scheduler);
  const result = await scheduler.run(() =>
    partial === undefined ? dispatcher.run(request) : dispatcher.resume(request, partial),
  );
  if (!result.ok) throw new Error(result.error.message);
  return result.value.output;
}

/** Used instead of `expect`, one call of which takes longer than a whole script. */
function check(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new Error(otherwise);
}

const seen = new Map<string, number>();
const note = (what: string) => void seen.set(what, (seen.get(what) ?? 0) + 1);

async function checkResult(request: OperationRequest, result: Result<Completed, RunError>): Promise<void> {
  const expected = await run(request);
  if (result.ok) {
    note(`success after ${Math.min(9, result.value.attempts.length)}`);
    check(isDeepStrictEqual(result.value.output, expected), 'a wrong answer');
    return;
  }
  const { error } = result;
  note(error.kind);
  check(isDeepStrictEqual(structuredClone(error), error), 'the error is not plain data');
  const { partial } = error;
  if (partial === null) return;
  note('partial');
  checkPartition(partial, itemsOf(request));
  const copy = structuredClone(partial);
  checkDone(request, partial, expected);
  check(isDeepStrictEqual(await run(request, copy), expected), 'another answer after resuming');
}

/** Every item reported as done was done once by one device, and every other item by none. */
function checkOnce(request: OperationRequest, result: Result<Completed, RunError>, doneItems: DoneItems): void {
  const isSpreading = request.operation === 'spread-activation';
  // Of several hops each does every item.
  if (isSpreading && request.hops !== undefined) return;
  const times = doneItems.get(isSpreading ? request.activations : request.query) ?? Array<number>(NODES).fill(0);
  const first = request.start ?? 0;
  const whole = [{ start: 0, end: itemsOf(request) }];
  const done = result.ok ? whole : (result.error.partial?.done ?? []);
  for (let item = 0; item < NODES; item++) {
    const isDone = done.some(({ start, end }: ItemRange) => item >= first + start && item < first + end);
    check(times[item] === (isDone ? 1 : 0), `item ${item} was done ${times[item]} times`);
  }
}

function itemsOf(request: OperationRequest): number {
  if (request.operation === 'spread-activation') return (request.end ?? NODES) - (request.start ?? 0);
  return (request.end ?? request.matrix.rows) - (request.start ?? 0);
}

function checkPartition({ done, remaining }: PartialAnswer, total: number): void {
  let position = 0;
  for (const { start, end } of [...done, ...remaining].sort((a, b) => a.start - b.start)) {
    check(start === position && end > start, 'an item is in no range, or in two');
    position = end;
  }
  check(position === total, 'the ranges end early');
}

/** Done items hold their final values. A ranking holds the best of the done items, which only resuming can check. */
function checkDone(request: OperationRequest, { done, output }: PartialAnswer, expected: Completed['output']): void {
  if ('count' in output || 'count' in expected) return;
  const items = itemsOf(request);
  const isDone = (item: number) => done.some(({ start, end }: ItemRange) => item >= start && item < end);
  for (let i = 0; i < output.length; i++) {
    check(!isDone(i % items) || output[i] === expected[i], `item ${i % items} is said to be done, and is not`);
  }
}

/** Afterwards a working GPU is in use again, and a lost one gets no more calls. */
async function checkBreakers({ scheduler, dispatcher, gpus }: Script): Promise<void> {
  const request: OperationRequest = { operation: 'cosine-similarity', query: randomValues(4, 1), matrix: matrices[0] };
  for (const gpu of gpus) {
    for (const other of gpus) if (other !== gpu) dispatcher.breaker(other.id)?.isolate();
    const breaker = dispatcher.breaker(gpu.id);
    note(`left ${breaker?.state}`);
    const isDead = () => dispatcher.breaker(gpu.id)?.state === 'dead';
    // The GPU may have been lost after an abort, when no request waited for it: the next request finds out.
    for (let i = 0; gpu.isLost && !isDead() && i < 300; i++) {
      note('lost unnoticed');
      const { ok } = await scheduler.run(() => dispatcher.run(request));
      check(ok || dispatcher.fallback === 'never', 'a request failed although the CPU works');
      await scheduler.run(() => scheduler.sleep(100));
    }
    check(gpu.isLost === isDead(), 'a lost device counts as working, or one that works as lost');
    if (isDead()) {
      const calls = gpu.counts.calls;
      for (let i = 0; i < 5; i++) {
        const { ok } = await scheduler.run(() => dispatcher.run(request));
        check(ok, 'a request failed although the CPU works');
      }
      check(gpu.counts.calls === calls, 'a lost device was asked');
    } else {
      for (let i = 0; i < 300 && breaker?.state !== 'closed'; i++) {
        const result = await scheduler.run(() => dispatcher.run(request));
        check(result.ok || dispatcher.fallback === 'never', 'a request failed although all devices work');
        await scheduler.run(() => scheduler.sleep(100));
      }
      check(breaker?.state === 'closed', `the breaker of ${gpu.id} is wedged`);
      const result = await scheduler.run(() => dispatcher.run(request));
      check(
        result.ok && result.value.attempts.every(({ backend }) => backend === gpu.id),
        'a device is not in use again',
      );
    }
    for (const other of gpus) if (other !== gpu) dispatcher.breaker(other.id)?.restore();
  }
}

async function checkNothingLeft({ scheduler, dispatcher, gpus, backends }: Script): Promise<void> {
  for (const operand of [...matrices, graph]) dispatcher.release(operand);
  const { devices } = dispatcher.snapshot('top-k');
  for (const { id, memory, residency, queueLength, queueMs } of devices) {
    check(queueLength === 0 && queueMs === 0, `a request still waits for ${id}`);
    check((memory?.reservedBytes ?? 0) === 0 && (memory?.trackedBytes ?? 0) === 0, `promises of ${id} are left`);
    check((residency?.operands ?? 0) === 0, `copies on ${id} are left`);
  }
  for (const { id, simulatedMemory } of gpus) check(simulatedMemory.ownBytes === 0, `memory of ${id} is left`);
  await scheduler.run(async () => {
    for (const backend of backends) await backend.close();
  });
}

async function play(seed: number): Promise<void> {
  const random = createRandom(seed);
  const script = randomScript(random, random.integer(3) === 0 ? 'never' : 'cpu');
  const { scheduler, dispatcher } = script;
  const requests = Array.from({ length: 1 + random.integer(5) }, () => randomRequest(random));
  const results = await scheduler.run(() =>
    Promise.all(
      requests.map(async (request) => {
        await scheduler.sleep(random.integer(20));
        return dispatcher.run(request, undefined, randomEnding(random, scheduler));
      }),
    ),
  );
  const before = structuredClone(results);
  await scheduler.run(() => scheduler.sleep(ALL_OVER_MS));
  check(isDeepStrictEqual(results, before), 'what was handed back has changed');
  for (const [i, request] of requests.entries()) {
    checkOnce(request, results[i], script.doneItems);
    await checkResult(request, results[i]);
  }
  script.end();
  await checkBreakers(script);
  await checkNothingLeft(script);
}

describe('dispatcher under random failures of devices, memory and callers', () => {
  it(`does each item once or reports it as remaining, in ${SCRIPTS} random scripts (seed ${SEED})`, async () => {
    for (const seed of [...REMEMBERED, ...Array.from({ length: SCRIPTS }, (_, i) => SEED + i)]) {
      try {
        await play(seed);
      } catch (thrown) {
        throw new Error(`script ${seed}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
          cause: thrown,
        });
      }
    }
    // The scripts reach every end that they can.
    const ends = ['aborted', 'deadline-exceeded', 'device-lost', 'fault', 'out-of-memory', 'timeout', 'partial'];
    const states = ['left closed', 'left open', 'left dead'];
    for (const what of [...ends, ...states, 'success after 1', 'success after 9']) {
      expect(seen.get(what) ?? 0, what).toBeGreaterThan(SCRIPTS / 500);
    }
    tellCount('R8', SCRIPTS);
  }, 900_000);
});
