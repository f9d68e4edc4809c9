import { createMatrix, createTopKOutput, prepareTopK, unwrap } from '@gearshift/contracts';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { createWebGpuBackend } from '@gearshift/backend-webgpu';
import { randomValues } from '@gearshift/testing';

const DIMENSIONS = 768;

/**
 * Measures the WebGPU backend beside the CPU of the same machine. WebGPU does not tell the bandwidth of a device, so there is no limit to
 * compare with: no goals.
 *
 * @param {{ quick: boolean }} options
 */
export async function measureWebGpu({ quick }) {
  const gpu = unwrap(await createWebGpuBackend());
  const cpu = unwrap(await createCpuBackend());
  const figures = [];
  for (const rows of quick ? [10_000] : [1000, 10_000, 100_000, 300_000]) {
    const matrix = createMatrix(randomValues(rows * DIMENSIONS, rows), { dimensions: DIMENSIONS });
    const uploadMs = unwrap(await gpu.makeResident(matrix)).totalMs;
    unwrap(await cpu.makeResident(matrix));
    for (const queries of [1, 32]) {
      const query = randomValues(queries * DIMENSIONS, 7);
      const request = prepareTopK({ operation: 'top-k', query, queries, matrix, k: 10 });
      const output = createTopKOutput(request);
      const [onGpuMs, onCpuMs] = [[], []];
      for (let round = 0; round < (quick ? 5 : 25); round++) {
        onGpuMs.push(unwrap(await gpu.topK(request, output)).totalMs);
        onCpuMs.push(unwrap(await cpu.topK(request, output)).totalMs);
      }
      const [gpuMs, cpuMs] = [median(onGpuMs), median(onCpuMs)];
      figures.push({ rows, queries, uploadMs, gpuMs, cpuMs, gbPerSecond: (rows * DIMENSIONS * 4) / gpuMs / 1e6 });
      console.log(`${rows} x ${DIMENSIONS}, ${queries} queries: ${gpuMs.toFixed(3)} ms, CPU ${cpuMs.toFixed(3)} ms`);
    }
    gpu.release(matrix);
    cpu.release(matrix);
  }
  await gpu.close();
  await cpu.close();
  return { figures, goals: [] };
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
