import { isDeepStrictEqual } from 'node:util';
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
    for (const companion of ['float16', 'int8']) {
      figures.push(...(await measureCompanion(gpu, matrix, companion, { quick, rows })));
    }
    gpu.release(matrix);
    cpu.release(matrix);
  }
  await gpu.close();
  await cpu.close();
  return { figures, goals: [] };
}

/** A top-10 with a companion beside the same one without. Throws if any bit of the answers differs. */
async function measureCompanion(gpu, plain, companion, { quick, rows }) {
  const figures = [];
  const helped = createMatrix(plain.values, { dimensions: DIMENSIONS, companion });
  const uploadMs = unwrap(await gpu.makeResident(helped)).totalMs;
  for (const queries of [1, 32]) {
    const query = randomValues(queries * DIMENSIONS, 7);
    const sides = [helped, plain].map((matrix) => {
      const request = prepareTopK({ operation: 'top-k', query, queries, matrix, k: 10 });
      return { request, output: createTopKOutput(request), times: [] };
    });
    for (let round = 0; round < (quick ? 5 : 25); round++) {
      for (const { request, output, times } of sides) times.push(unwrap(await gpu.topK(request, output)).totalMs);
    }
    const [{ output: mine }, { output: expected }] = sides;
    if (!isDeepStrictEqual([mine.indices, mine.scores], [expected.indices, expected.scores])) {
      throw new Error(`a ${companion} companion of ${rows} rows gives other answers than none`);
    }
    const [companionMs, plainMs] = sides.map(({ times }) => median(times));
    const rescored = mine.search?.rescored ?? null;
    figures.push({ rows, queries, companion, uploadMs, companionMs, plainMs, rescored });
    console.log(`  ${companion}, ${queries} queries: ${companionMs.toFixed(3)} ms, without ${plainMs.toFixed(3)} ms`);
  }
  gpu.release(helped);
  return figures;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
