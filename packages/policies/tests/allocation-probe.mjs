// Prints the bytes that one decision and one observation of the adaptive policy allocate. To be run with --expose-gc and a
// young generation so large that nothing is collected while it counts: --min-semi-space-size=256 --max-semi-space-size=256
import { adaptivePolicy } from '@gearshift/policies';
import { NO_METRICS } from '@gearshift/tracker';

const CALLS = 200_000;
const ROW_BYTES = 3072;
const at = { supported: true, bytesToKeep: Infinity, queueMs: 0, chunks: 1, blocked: false };
const cpu = { id: 'cpu', kind: 'cpu', holdsOperand: true, bytesToUpload: 0, ...at };
const works = [20, 200, 2000, 20_000].map((rows) => ({
  operation: 'top-k',
  shape: 'scan',
  batchSize: rows,
  queries: 1,
  dimensions: 768,
  flops: 1536 * rows,
  bytes: ROW_BYTES * rows,
  requestBytes: ROW_BYTES,
  operandId: rows,
  operandVersion: 0,
  rangeBytes: ROW_BYTES * rows,
  operandBytes: ROW_BYTES * rows,
  outputBytes: 80,
}));
const views = works.map(({ rangeBytes }) => [
  { id: 'cuda:0', kind: 'gpu', holdsOperand: false, bytesToUpload: ROW_BYTES + rangeBytes, ...at },
  cpu,
]);
const samples = works.flatMap((work, i) => views[i].map((view) => sampleOf(work, view)));
const context = { snapshot: NO_METRICS, strict: false, nowMs: 0.5, remainingMs: Infinity };
const out = { device: -1, reason: 'no-device', predictedMs: NaN, alternativeMs: NaN, keep: false };
const policy = adaptivePolicy();

for (let i = 0; i < 400_000; i++) {
  decide(i);
  observe(i);
}
console.log(JSON.stringify({ decide: bytesPerCall(decide), observe: bytesPerCall(observe) }));

function decide(i) {
  policy.decide(works[i & 3], views[i & 3], context, out);
}

function observe(i) {
  policy.observe(samples[i & 7]);
}

function bytesPerCall(call) {
  globalThis.gc();
  for (let i = 0; i < CALLS; i++) call(i); // a collection leaves something behind that the first calls pay for
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < CALLS; i++) call(i);
  return (process.memoryUsage().heapUsed - before) / CALLS;
}

function sampleOf(work, { id, kind }) {
  const isGpu = kind === 'gpu';
  const kernelMs = isGpu ? 0.025 + work.flops / 1.3e9 : 0.003 + work.flops / 1.5e7;
  const uploadMs = isGpu ? 0.01 + work.rangeBytes / 1.2e7 : 0;
  const phases = { queueMs: 0, uploadMs, kernelMs, downloadMs: 0.001, totalMs: kernelMs + uploadMs, fused: false };
  const latencyMs = phases.totalMs + 0.002;
  const attempt = {
    operation: 'top-k',
    backend: id,
    device: kind,
    outcome: 'success',
    latencyMs,
    fallback: false,
    phases,
  };
  return { work, attempt, uploadedBytes: isGpu ? ROW_BYTES + work.rangeBytes : 0, queued: false, nowMs: 0.5 };
}
