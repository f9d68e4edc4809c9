import { createMatrix, graphFromEdges, type Backend, type OperationRequest } from '@gearshift/contracts';
import { randomValues, type SeededRandom } from '@gearshift/testing';
import {
  createSimulatedDevice,
  createVirtualScheduler,
  type FaultSource,
  type SimulatedDevice,
  type VirtualScheduler,
} from '@gearshift/testing/simulated-device';
import type { FallbackMode, RunOptions } from '../src/index.js';
import { inVirtualTime, scriptedPolicy } from './placement-setup.js';

const LONGEST_SCRIPT = 25;
const HANG_LIMITS = { floorMs: 20, unpredictedMs: 50 };

export const NODES = 30;
export const matrices = [1, 2].map((seed) => createMatrix(randomValues(NODES * 4, seed), { dimensions: 4 }));
const edges = [1, 5, 11].flatMap((step) =>
  Array.from({ length: NODES }, (_, node) => [node, (node + step) % NODES, ((node + step) % 7) / 7] as const),
);
export const graph = graphFromEdges(NODES, edges);

export function randomRequest(random: SeededRandom): OperationRequest {
  const matrix = matrices[random.integer(2)];
  const queries = 1 + random.integer(2);
  const query = randomValues(4 * queries, random.integer(1e6));
  const start = random.integer(NODES - 1);
  const range = { start, end: start + 1 + random.integer(NODES - start) };
  const activations = randomValues(NODES, random.integer(1e6));
  switch (random.integer(4)) {
    case 0:
      return { operation: 'top-k', query, queries, matrix, k: 1 + random.integer(NODES), ...range };
    case 1:
      return { operation: 'spread-activation', graph, activations, retention: 0.5, ...range };
    case 2:
      return { operation: 'spread-activation', graph, activations, hops: 2 + random.integer(2) };
    default:
      return { operation: 'cosine-similarity', query, queries, matrix, ...range };
  }
}

/** Random faults while `isOn` returns true, and none afterwards. A lost device stays lost. */
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

export type DoneItems = Map<Float32Array, number[]>;

/** A device that counts how often it did each item. */
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

export interface Script {
  readonly scheduler: VirtualScheduler;
  readonly gpus: readonly SimulatedDevice[];
  readonly backends: readonly Backend[];
  /** How often each item was done, of each request by its query or activations. */
  readonly doneItems: DoneItems;
  readonly dispatcher: ReturnType<ReturnType<typeof inVirtualTime>['dispatcher']>;
  readonly end: () => void;
}

export function randomScript(random: SeededRandom, fallback: FallbackMode): Script {
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

export function randomEnding(random: SeededRandom, scheduler: VirtualScheduler): RunOptions {
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
