import type { Dispatcher, DispatcherOptions } from './dispatcher.js';
import { checkDispatcherOptions } from './dispatcher-options.js';
import { PolicyDispatcher } from './policy-dispatcher.js';

/**
 * Creates a dispatcher from a policy, a tracker and backends. See {@link Dispatcher}.
 *
 * @throws TypeError or RangeError that names the invalid option.
 *
 * @example
 * const dispatcher = createDispatcher({ backends: [gpu, cpu], policy: thresholdPolicy(), tracker });
 * const result = await dispatcher.run({ operation: 'cosine-similarity', query, matrix });
 * if (result.ok) use(result.value.output);
 */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  return new PolicyDispatcher(checkDispatcherOptions(options));
}
