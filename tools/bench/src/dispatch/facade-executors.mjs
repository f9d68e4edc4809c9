import { createCpuBackend } from '@gearshift/backend-cpu';
import { unwrap } from '@gearshift/contracts';
import { createFakeGpuBackend } from '@gearshift/testing';
import { createExecutor } from 'gearshift';

/** So slow that no policy chooses it for a small request, even with resident data. */
const GPU_LATENCY_MS = 1;
const WARM_UP_RUNS = 3000;

/**
 * One CPU backend and two executors with it: one has only this backend, the other also a GPU, which it could choose for every
 * request but never does. All other options are defaults.
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
    /** Runs requests until the policy has measured both devices and no longer explores. */
    async warmUp(jobs) {
      for (const job of jobs) {
        const { sync, async } = job.through(besideGpu);
        for (let run = 0; run < WARM_UP_RUNS; run++) await async();
        for (let run = 0; run < WARM_UP_RUNS; run++) sync();
      }
    },
    /** Requests that the GPU has received so far. */
    gpuCalls: () => gpu.calls.length,
    async close() {
      await alone.close();
      await besideGpu.close();
      await cpu.close();
      await gpu.close();
    },
  };
}
