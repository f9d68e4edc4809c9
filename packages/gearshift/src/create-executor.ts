import { assembleExecutor } from './assemble-executor.js';
import type { Executor, ExecutorOptions } from './executor.js';

/**
 * Finds the devices and creates an {@link Executor} for them.
 *
 * @throws TypeError or RangeError that names a wrong option; {@link NoBackendError} if no backend can be used; an error with
 *   the code `ERR_GEARSHIFT_ADDON_PATH` when `GEARSHIFT_CPU_ADDON` or `GEARSHIFT_CUDA_ADDON` names a wrong file.
 *
 * @example
 * await using executor = await createExecutor();
 * const matrix = await executor.matrix([[1, 0], [0.6, 0.8], [0, 1]]);
 * const { indices, scores } = await executor.topK([0, 2], matrix, { k: 2 }); // rows 2 and 1
 */
export function createExecutor(options: ExecutorOptions = {}): Promise<Executor> {
  return assembleExecutor(options, import.meta.url);
}
