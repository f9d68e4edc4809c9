import { METRICS, type Metric } from '@gearshift/contracts';
import { expected, optionNames, readOptions, requireInteger } from '@gearshift/contracts/internal';
import type { Collection } from './collection.js';
import type { CollectionExecutor, ElementOptions, MatrixHints } from './collection-executor.js';
import type { JsonObject } from './json.js';
import { VectorCollection } from './vector-collection.js';

/** How a collection uses memory, whichever way it came about. */
export interface MemoryOptions extends MatrixHints {
  /** Compact when more than half of the rows belong to deleted items. Default true. */
  readonly autoCompact?: boolean | undefined;
  /** Number of filters with rows that are kept. Each takes one bit for each item. Default 64. */
  readonly cachedFilters?: number | undefined;
}

export interface CollectionOptions extends MemoryOptions, ElementOptions {
  /** Elements of each vector. */
  readonly dimensions: number;
  /** Default `'cosine'`. */
  readonly metric?: Metric | undefined;
}

export const MEMORY = {
  expectedUses: true,
  pin: true,
  companion: true,
  autoCompact: true,
  cachedFilters: true,
} as const;
const OPTIONS = optionNames<CollectionOptions>({
  ...MEMORY,
  dimensions: true,
  metric: true,
  dtype: true,
  scale: true,
});
const DEFAULT_FILTERS = 64;

/**
 * Makes an empty collection.
 *
 * @example
 * await using items = await createCollection(executor, { dimensions: 768 });
 * await items.upsert([{ id: 'a', vector, metadata: { tenant: 'acme' } }]);
 * const matches = await items.query({ vector, k: 10, where: { tenant: 'acme' } });
 */
export async function createCollection<Metadata extends object = JsonObject>(
  executor: CollectionExecutor,
  options: CollectionOptions,
): Promise<Collection<Metadata>> {
  requireExecutor(executor);
  const given = readOptions('options', options, OPTIONS);
  const dimensions = requireInteger('dimensions', given.dimensions, 1);
  const { metric = 'cosine' } = given;
  if (!METRICS.includes(metric)) {
    const message = expected('metric', `one of ${METRICS.join(', ')}`, metric);
    throw typeof metric === 'string' ? new RangeError(message) : new TypeError(message);
  }
  const memory = readMemoryOptions(given);
  const { dtype, scale } = given;
  if (dtype === 'int8' && scale === undefined) {
    throw new TypeError(
      `scale: expected a positive number, because dtype is 'int8', got undefined; 1 / 127 suits normalised vectors`,
    );
  }
  const elements = { ...(dtype === undefined ? {} : { dtype }), ...(scale === undefined ? {} : { scale }) };
  const matrix = await executor.matrix(new Float32Array(0), { dimensions, ...elements, ...memory.hints });
  return new VectorCollection({ executor, matrix, items: [], metric, ...memory }) as unknown as Collection<Metadata>;
}

export function requireExecutor(executor: CollectionExecutor): void {
  if (
    typeof executor?.matrix !== 'function' ||
    typeof executor.open !== 'function' ||
    typeof executor.topK !== 'function'
  ) {
    throw new TypeError(expected('executor', 'an executor of createExecutor()', executor));
  }
}

export function readMemoryOptions({ autoCompact = true, cachedFilters, expectedUses, pin, companion }: MemoryOptions): {
  readonly hints: MatrixHints;
  readonly autoCompact: boolean;
  readonly cachedFilters: number;
} {
  if (typeof autoCompact !== 'boolean') throw new TypeError(expected('autoCompact', 'a boolean', autoCompact));
  return {
    hints: {
      ...(expectedUses === undefined ? {} : { expectedUses }),
      ...(pin === undefined ? {} : { pin }),
      ...(companion === undefined ? {} : { companion }),
    },
    autoCompact,
    cachedFilters: requireInteger('cachedFilters', cachedFilters ?? DEFAULT_FILTERS, 0),
  };
}
