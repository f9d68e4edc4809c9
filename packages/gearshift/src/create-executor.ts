import { assembleExecutor } from './assemble-executor.js';
import type { Executor, ExecutorOptions } from './executor.js';

/**
 * Finds the devices and puts an executor together. See {@link Executor}.
 *
 * @throws TypeError or RangeError naming the option that cannot work; {@link NoBackendError} when there is no device.
 *
 * @example
 * await using executor = await createExecutor();
 * const matrix = await executor.matrix([[1, 0], [0.6, 0.8], [0, 1]]);
 * const { indices, scores } = await executor.topK([0, 2], matrix, { k: 2 }); // rows 2 and 1
 */
export function createExecutor(options: ExecutorOptions = {}): Promise<Executor> {
  return assembleExecutor(options, import.meta.url);
}
