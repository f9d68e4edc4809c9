import {
  NO_DEVICE,
  type DecisionContext,
  type DecisionSlot,
  type DeviceKind,
  type DeviceView,
  type DispatchPolicy,
  type DispatchSample,
  type PhaseTimes,
  type SharedLearning,
  type SharedSums,
  type Work,
} from '@gearshift/contracts';
import { NO_METRICS } from '@gearshift/tracker';

const DIMENSIONS = 768;
const ROW_BYTES = DIMENSIONS * 4;

/** A top-k over so many rows. */
export function scanOf(rows: number, more: Partial<Work> = {}): Work {
  const queries = more.queries ?? 1;
  return {
    operation: 'top-k',
    shape: queries === 1 ? 'scan' : 'many-queries',
    batchSize: rows,
    queries,
    dimensions: DIMENSIONS,
    flops: 2 * queries * rows * DIMENSIONS,
    bytes: rows * ROW_BYTES,
    requestBytes: queries * ROW_BYTES,
    operandId: 1,
    operandVersion: 0,
    expectedUses: 0,
    rangeBytes: rows * ROW_BYTES,
    operandBytes: rows * ROW_BYTES,
    outputBytes: 80,
    ...more,
  };
}

export const CPU: DeviceView = viewOf('cpu', 'cpu');
export const GPU: DeviceView = viewOf('cuda:0', 'gpu');

export function viewOf(id: string, kind: DeviceKind, more: Partial<DeviceView> = {}): DeviceView {
  return {
    id,
    kind,
    supported: true,
    holdsOperand: true,
    bytesToUpload: 0,
    bytesToKeep: 0,
    queueMs: 0,
    chunks: 1,
    blocked: false,
    ...more,
  };
}

/** The GPU for a request with an operand that it does not hold. */
export function coldGpu(work: Work, more: Partial<DeviceView> = {}): DeviceView {
  return {
    ...GPU,
    holdsOperand: false,
    bytesToUpload: work.requestBytes + work.rangeBytes,
    bytesToKeep: work.operandBytes,
    ...more,
  };
}

export interface Choice extends DecisionSlot {
  readonly id: string;
}

export function choose(
  policy: DispatchPolicy,
  work: Work,
  views: readonly DeviceView[],
  context: Partial<DecisionContext> = {},
): Choice {
  const out: DecisionSlot = {
    device: NO_DEVICE,
    reason: 'no-device',
    predictedMs: NaN,
    alternativeMs: NaN,
    keep: false,
  };
  policy.decide(work, views, { snapshot: NO_METRICS, strict: false, nowMs: 0, remainingMs: Infinity, ...context }, out);
  return { ...out, id: out.device === NO_DEVICE ? 'none' : views[out.device].id };
}

export interface Run {
  readonly uploadMs?: number;
  readonly uploadedBytes?: number;
  readonly queued?: boolean;
  readonly fused?: boolean;
  readonly nowMs?: number;
}

export function sampleOf(view: DeviceView, work: Work, runMs: number, run: Run = {}): DispatchSample {
  const { uploadMs = 0, uploadedBytes = 0, queued = false, fused = false, nowMs = 0 } = run;
  const totalMs = runMs + uploadMs;
  const phases: PhaseTimes = { queueMs: 0, uploadMs, kernelMs: runMs, downloadMs: 0, totalMs, fused };
  const { operation } = work;
  const attempt = {
    operation,
    backend: view.id,
    device: view.kind,
    outcome: 'success',
    latencyMs: totalMs,
    fallback: false,
    phases,
  } as const;
  return { work, attempt, uploadedBytes, queued, nowMs };
}

/** Milliseconds of a run on the devices of these tests: the GPU overtakes the CPU at about 230 rows. */
export function trueMs(view: DeviceView, work: Work): number {
  return view.kind === 'cpu' ? 0.003 + work.flops / 1.5e7 : 0.025 + work.flops / 1.3e9;
}

export const TRANSFER = { fixedMs: 0.01, bytesPerMs: 1.2e7 };

/** Has both devices run requests of all sizes, as another program would have it. */
export function teach(policy: DispatchPolicy, views: readonly DeviceView[], queries = 1, rounds = 10): void {
  for (let round = 0; round < rounds; round++) {
    for (const rows of [16, 100, 300, 1000, 5000, 30_000]) {
      const work = scanOf(rows, { queries });
      choose(policy, work, views);
      for (const view of views) {
        policy.observe(sampleOf(view, work, trueMs(view, work)));
        if (view.kind === 'cpu') continue;
        const uploadedBytes = work.requestBytes + work.rangeBytes;
        const uploadMs = TRANSFER.fixedMs + work.rangeBytes / TRANSFER.bytesPerMs;
        policy.observe(sampleOf(view, work, trueMs(view, work), { uploadMs, uploadedBytes }));
      }
    }
  }
}

/** Sums as several threads share them: each thread asks for its own view of the same numbers. */
export function createSharedLearning() {
  const threads: Map<string, Float64Array>[] = [];
  return {
    names: (): string[] => [...new Set(threads.flatMap((thread) => [...thread.keys()]))],
    thread(): SharedLearning {
      const mine = new Map<string, Float64Array>();
      threads.push(mine);
      return {
        sums(name): SharedSums {
          const own = mine.get(name) ?? new Float64Array(256);
          mine.set(name, own);
          const sum = new Float64Array(256);
          return {
            own,
            changed() {},
            hasNews: () => true,
            total() {
              sum.fill(0);
              for (const thread of threads) {
                const numbers = thread.get(name);
                if (numbers !== undefined) for (let i = 0; i < 256; i++) sum[i] += numbers[i];
              }
              return sum;
            },
          };
        },
      };
    },
  };
}
