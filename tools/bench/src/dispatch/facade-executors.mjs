import { createCpuBackend } from '@gearshift/backend-cpu';
import { unwrap } from '@gearshift/contracts';
import { createFakeGpuBackend } from '@gearshift/testing';
import { createExecutor } from 'gearshift';

/** So slow that nobody would choose it for a small request, whatever it holds. */
const GPU_LATENCY_MS = 1;
const WARM_UP_RUNS = 3000;

/**
 * One CPU backend, and two executors round it: one that has nothing else, and one that has a GPU as well, which it could
 * choose for every request and never does. Everything else is at its defaults.
 */
export async function openFacades() {
  const cpu = unwrap(await createCpuBackend({ threads: 1 }));
  const gpu = createFakeGpuBackend({ latencyMs: GPU_LATENCY_MS });
  const alone = await createExecutor({ backends: [cpu] });
  const besideGpu = await createExecutor({ backends: [gpu, cpu] });
  return {
    cpu,
    alone,
    besideGpu,
    /** Lets the policy get to know both devices: what it tries the GPU for comes early, or out of what it saved. */
    async warmUp(jobs) {
      for (const job of jobs) {
        const { sync, async } = job.through(besideGpu);
        for (let run = 0; run < WARM_UP_RUNS; run++) await async();
        for (let run = 0; run < WARM_UP_RUNS; run++) sync();
      }
    },
    /** Requests that the GPU was asked to do so far. */
    gpuCalls: () => gpu.calls.length,
    async close() {
      await alone.close();
      await besideGpu.close();
      await cpu.close();
      await gpu.close();
    },
  };
}
