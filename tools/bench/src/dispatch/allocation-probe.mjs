// Prints, as JSON, the bytes of the JavaScript heap that single calls allocate. Needs --expose-gc, and a young generation so
// large that nothing is collected while it counts; `allocation.mjs` starts it that way.
import { GCProfiler } from 'node:v8';
import { adaptivePolicy } from '@gearshift/policies';
import { openFacades } from './facade-executors.mjs';
import { createFacadeJobs } from './facade-jobs.mjs';
import { createContext, createSlot, SAMPLES, teach, VIEWS, WORKS } from './policy-inputs.mjs';

const CALLS = Number(process.argv[2]);
/** Warm-up until everything is compiled, because interpreted code boxes numbers that compiled code does not. */
const WARM_UP_CALLS = 2 * CALLS;
const POLICY_WARM_UP_CALLS = 40 * CALLS;

console.log(JSON.stringify({ facade: await probeFacade(), policy: await probePolicy() }));

async function probeFacade() {
  const facades = await openFacades();
  const jobs = await createFacadeJobs(facades.cpu, facades.alone);
  await facades.warmUp(jobs);
  const found = [];
  for (const job of jobs) {
    for (const way of ['sync', 'async', 'into']) {
      found.push({
        job: job.name,
        way,
        backendBytes: await bytesPerCall(job.direct[way]),
        aloneBytes: await bytesPerCall(job.through(facades.alone)[way]),
        besideGpuBytes: await bytesPerCall(job.through(facades.besideGpu)[way]),
      });
    }
  }
  await facades.close();
  return found;
}

async function probePolicy() {
  const policy = teach(adaptivePolicy());
  const context = createContext();
  const slot = createSlot();
  const decide = (i) => policy.decide(WORKS[i & 3], VIEWS.resident[i & 3], context, slot);
  const observe = (i) => policy.observe(SAMPLES[i & 7]);
  await repeat(decide, POLICY_WARM_UP_CALLS);
  await repeat(observe, POLICY_WARM_UP_CALLS);
  return { decideBytes: await bytesPerCall(decide), observeBytes: await bytesPerCall(observe) };
}

async function bytesPerCall(call) {
  await repeat(call, WARM_UP_CALLS);
  globalThis.gc();
  // The first calls after a collection allocate more.
  await repeat(call, CALLS);
  const profiler = new GCProfiler();
  profiler.start();
  const before = process.memoryUsage().heapUsed;
  await repeat(call, CALLS);
  const bytes = process.memoryUsage().heapUsed - before;
  if (profiler.stop().statistics.length > 0) throw new Error('a garbage collection ran during the count');
  return bytes / CALLS;
}

/** Awaits only promises, because awaiting another value creates one. */
async function repeat(call, count) {
  const first = call(0);
  if (typeof first?.then === 'function') {
    await first;
    for (let i = 1; i < count; i++) await call(i);
  } else {
    for (let i = 1; i < count; i++) call(i);
  }
}
