import { NO_METRICS } from '@gearshift/tracker';

export const OPERATION = 'top-k';
const DIMENSIONS = 768;
const ROW_BYTES = DIMENSIONS * 4;
/** The GPU of these figures overtakes the CPU at about 230 rows: two sizes on each side. */
const ROW_COUNTS = [20, 200, 2000, 20_000];
/** One request of each size, each with its own matrix: four, so that a loop can alternate between them with a mask. */
export const WORKS = ROW_COUNTS.map((rows) => ({
  operation: OPERATION,
  shape: 'scan',
  batchSize: rows,
  queries: 1,
  dimensions: DIMENSIONS,
  flops: 2 * DIMENSIONS * rows,
  bytes: ROW_BYTES * rows,
  requestBytes: ROW_BYTES,
  operandId: rows,
  operandVersion: 1,
  expectedUses: 0,
  rangeBytes: ROW_BYTES * rows,
  operandBytes: ROW_BYTES * rows,
  outputBytes: 80,
}));

const READY = { supported: true, queueMs: 0, chunks: 1, blocked: false };
const CPU = { id: 'cpu', kind: 'cpu', holdsOperand: true, bytesToUpload: 0, bytesToKeep: 0, ...READY };
const GPU = { ...CPU, id: 'cuda:0', kind: 'gpu' };
const coldGpu = ({ requestBytes, rangeBytes }, bytesToKeep) => ({
  ...GPU,
  holdsOperand: false,
  bytesToUpload: requestBytes + rangeBytes,
  bytesToKeep,
});

/** The device views for each of the works, by what is resident on the GPU. */
export const VIEWS = {
  resident: WORKS.map(() => [GPU, CPU]),
  passing: WORKS.map((work) => [coldGpu(work, Infinity), CPU]),
  cold: WORKS.map((work) => [coldGpu(work, work.operandBytes), CPU]),
};

/** Eight samples: of each work on the GPU, without resident data, and on the CPU. */
export const SAMPLES = WORKS.flatMap((work) => [sampleOf(work, GPU), sampleOf(work, CPU)]);

export function createContext() {
  return { snapshot: NO_METRICS, strict: false, nowMs: 0.5, remainingMs: Infinity };
}

export function createSlot() {
  return { device: -1, reason: 'no-device', predictedMs: NaN, alternativeMs: NaN, keep: false };
}

/** Trains the policy with all sizes on both devices, like in a program that has run for a while. */
export function teach(policy) {
  const context = createContext();
  const slot = createSlot();
  for (let i = 0; i < 400; i++) {
    policy.decide(WORKS[i & 3], VIEWS.resident[i & 3], context, slot);
    policy.observe(SAMPLES[i & 7]);
  }
  return policy;
}

function sampleOf(work, { id, kind }) {
  const isGpu = kind === 'gpu';
  const kernelMs = isGpu ? 0.025 + work.flops / 1.3e9 : 0.003 + work.flops / 1.5e7;
  const uploadMs = isGpu ? 0.01 + work.rangeBytes / 1.2e7 : 0;
  const totalMs = kernelMs + uploadMs;
  const phases = { queueMs: 0, uploadMs, kernelMs, downloadMs: 0, totalMs, fused: false };
  const attempt = {
    operation: OPERATION,
    backend: id,
    device: kind,
    outcome: 'success',
    latencyMs: totalMs,
    fallback: false,
    phases,
    error: undefined,
  };
  const uploadedBytes = isGpu ? work.requestBytes + work.rangeBytes : 0;
  return { work, attempt, uploadedBytes, queued: false, nowMs: 0.5 };
}
