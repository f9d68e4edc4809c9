import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createMatrix, graphFromEdges, type Backend, type OperationRequest, type Result } from '@gearshift/contracts';
import { createRandom, randomValues, type SeededRandom } from '@gearshift/test-kit';
import {
  createSimulatedDevice,
  createVirtualScheduler,
  type FaultSource,
  type SimulatedDevice,
  type VirtualScheduler,
} from '@gearshift/test-kit/simulated-device';
import type { Completed, FallbackMode, ItemRange, PartialAnswer, RunError, RunOptions } from '../src/index.js';
import { inVirtualTime, scriptedPolicy } from './placement-setup.js';

/** Random scripts; a nightly run may ask for more. */
const SCRIPTS = Number(process.env['GEARSHIFT_DISPATCHER_SCRIPTS'] ?? 1000);
const SEED = 20_261_123;
const LONGEST_SCRIPT = 25;
/** Long after the last limit on anything. */
const ALL_OVER_MS = 100_000;
const HANG_LIMITS = { floorMs: 20, unpredictedMs: 50 };

const NODES = 30;
const matrices = [1, 2].map((seed) => createMatrix(randomValues(NODES * 4, seed), { dimensions: 4 }));
const edges = [1, 5, 11].flatMap((step) =>
  Array.from({ length: NODES }, (_, node) => [node, (node + step) % NODES, ((node + step) % 7) / 7] as const),
);
const graph = graphFromEdges(NODES, edges);

function randomRequest(random: SeededRandom): OperationRequest {
  const matrix = matrices[random.integer(2)];
  const query = randomValues(4 * (1 + random.integer(2)), random.integer(1e6));
  const start = random.integer(NODES - 1);
  const range = { start, end: start + 1 + random.integer(NODES - start) };
  const activations = randomValues(NODES, random.integer(1e6));
  switch (random.integer(4)) {
    case 0:
      return { operation: 'top-k', query, matrix, k: 1 + random.integer(NODES), ...range };
    case 1:
      return { operation: 'spread-activation', graph, activations, retention: 0.5, ...range };
    case 2:
      return { operation: 'spread-activation', graph, activations, hops: 2 + random.integer(2) };
    default:
      return { operation: 'cosine-similarity', query, matrix, ...range };
  }
}

/** What goes wrong while it goes on; after that nothing does, but for what is lost for good. */
function randomFaults(random: SeededRandom, isOn: () => boolean, mayDie: boolean): FaultSource {
  const script = Array.from({ length: LONGEST_SCRIPT }, () => random.integer(12));
  return ({ number }) => {
    if (!isOn()) return undefined;
    switch (script[number]) {
      case 0:
      case 1:
        return { kind: 'transient', afterMs: 1 + random.integer(3) };
      case 2:
        return { kind: 'hang', forMs: 10 + random.integer(100) };
      case 3:
        return mayDie ? { kind: 'fatal', afterMs: 1 } : undefined;
      default:
        return undefined;
    }
  };
}

type DoneItems = Map<Float32Array, number[]>;

/** A device that counts what it did. */
function counting(device: SimulatedDevice, doneItems: DoneItems): Backend {
  const count = (key: Float32Array, start = 0, end = NODES) => {
    const times = doneItems.get(key) ?? Array<number>(NODES).fill(0);
    doneItems.set(key, times);
    for (let item = start; item < end; item++) times[item] += 1;
  };
  return {
    ...device,
    async cosineSimilarity(request, output, signal) {
      const answer = await device.cosineSimilarity(request, output, signal);
      if (answer.ok) count(request.query, request.start, request.end);
      return answer;
    },
    async topK(request, output, signal) {
      const answer = await device.topK(request, output, signal);
      if (answer.ok) count(request.query, request.start, request.end);
      return answer;
    },
    async spreadActivation(request, output, signal) {
      const answer = await device.spreadActivation(request, output, signal);
      if (answer.ok) count(request.activations, request.start, request.end);
      return answer;
    },
  };
}

interface Script {
  readonly scheduler: VirtualScheduler;
  readonly gpus: readonly SimulatedDevice[];
  readonly backends: readonly Backend[];
  /** How often each item was done, of each request by its query or activations. */
  readonly doneItems: DoneItems;
  readonly dispatcher: ReturnType<ReturnType<typeof inVirtualTime>['dispatcher']>;
  readonly end: () => void;
}

function randomScript(random: SeededRandom, fallback: FallbackMode): Script {
  const scheduler = createVirtualScheduler();
  let isOn = true;
  const gpus = Array.from({ length: 1 + random.integer(2) }, (_, i) => {
    const totalBytes = [500, 900, 2000, 1e6][random.integer(4)];
    const taken = Array.from({ length: LONGEST_SCRIPT }, () =>
      random.integer(3) === 0 ? random.integer(totalBytes) : 0,
    );
    let reading = 0;
    return createSimulatedDevice({
      id: `gpu:${i}`,
      kind: 'gpu',
      scheduler,
      kernelMs: ({ rows }) => 0.5 + rows * 0.01,
      uploadMs: (bytes) => bytes / 1000,
      memory: {
        totalBytes,
        outsideBytes: () => (isOn ? taken[reading++ % taken.length] : 0),
        ...(random.integer(2) === 0 ? { reportedOutsideBytes: () => 0 } : {}),
      },
      fault: randomFaults(random, () => isOn, random.integer(4) === 0),
    });
  });
  const cpu = createSimulatedDevice({
    id: 'cpu',
    kind: 'cpu',
    scheduler,
    kernelMs: () => 5,
    fault: random.integer(4) === 0 ? randomFaults(random, () => isOn, false) : undefined,
  });
  const wantsKept = Array.from({ length: LONGEST_SCRIPT }, () => random.integer(3) === 0);
  let decisions = 0;
  const { policy } = scriptedPolicy((out, views) => {
    const { bytesToKeep, queueMs } = views[Math.max(0, out.device)];
    out.keep = wantsKept[decisions++ % wantsKept.length] && bytesToKeep > 0 && bytesToKeep < Infinity;
    out.predictedMs = queueMs + 1;
    out.alternativeMs = queueMs + 100;
  });
  const doneItems: DoneItems = new Map();
  const backends = [...gpus, cpu].map((device) => counting(device, doneItems));
  const dispatcher = inVirtualTime(backends, { policy, fallback, hangLimits: HANG_LIMITS }).dispatcher(scheduler);
  return { scheduler, gpus, backends, doneItems, dispatcher, end: () => void (isOn = false) };
}

function randomEnding(random: SeededRandom, scheduler: VirtualScheduler): RunOptions {
  const endMs = random.integer(40);
  switch (random.integer(6)) {
    case 0:
      return { deadlineMs: endMs };
    case 1: {
      const controller = new AbortController();
      scheduler.after(endMs, () => controller.abort());
      return { signal: controller.signal };
    }
    default:
      return {};
  }
}

/** On a device of its own that nothing happens to. */
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

/** `expect` takes longer than a whole script. */
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

/** Each item was done by one device, once, where it is said to be done, and by none where it is not. */
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

/** What is said to be done holds its final value; of a ranking the best of what is done, which only resuming can tell. */
function checkDone(request: OperationRequest, { done, output }: PartialAnswer, expected: Completed['output']): void {
  if ('count' in output || 'count' in expected) return;
  const items = itemsOf(request);
  const isDone = (item: number) => done.some(({ start, end }: ItemRange) => item >= start && item < end);
  for (let i = 0; i < output.length; i++) {
    check(!isDone(i % items) || output[i] === expected[i], `item ${i % items} is said to be done, and is not`);
  }
}

/** However a GPU was left, it is in use again once it works, or lost for good and left alone. */
async function checkBreakers({ scheduler, dispatcher, gpus }: Script): Promise<void> {
  const request: OperationRequest = { operation: 'cosine-similarity', query: randomValues(4, 1), matrix: matrices[0] };
  for (const gpu of gpus) {
    for (const other of gpus) if (other !== gpu) dispatcher.breaker(other.id)?.isolate();
    const breaker = dispatcher.breaker(gpu.id);
    note(`left ${breaker?.state}`);
    if (breaker?.state === 'dead') {
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
    check(queueLength === 0 && queueMs === 0, `somebody still waits for ${id}`);
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

describe('whatever happens to devices, memory and callers', () => {
  it(`each item is done once or remains, in ${SCRIPTS} random scripts (seed ${SEED})`, async () => {
    for (let i = 0; i < SCRIPTS; i++) {
      try {
        await play(SEED + i);
      } catch (thrown) {
        throw new Error(`script ${SEED + i}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
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
  }, 900_000);
});
