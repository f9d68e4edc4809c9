import { describeValue } from '@gearshift/contracts/internal';
import type { VectorSource } from '../vector-source.js';
import { convertElements } from './convert-elements.js';
import { countInfinite } from './count-infinite.js';
import { ELEMENT_BYTES, type ElementType, type RawValues } from './element-type.js';

/** Elements of a batch that is asked of the source, in bytes. */
const BATCH_BYTES = 4 * 2 ** 20;

export interface ConvertedBatch {
  /** Whole rows. */
  readonly elements: RawValues;
  /** Finite elements that became infinite, because they are too large for the type. */
  readonly overflowCount: number;
}

/**
 * The vectors of a source as elements of another type, in order. Every element is rounded once.
 *
 * @param to the type, and the scale if that is int8
 * @throws RangeError if the type is int8 and an element is NaN; the error of the source
 */
export async function* convertBatches(
  source: VectorSource,
  to: { readonly dtype: ElementType; readonly scale?: number | undefined },
  signal?: AbortSignal,
): AsyncGenerator<ConvertedBatch, void> {
  const { dtype, dimensions } = source;
  const scales = { from: source.scale ?? 1, to: to.scale ?? 1 };
  const maxRows = Math.max(1, Math.floor(BATCH_BYTES / (dimensions * ELEMENT_BYTES[dtype])));
  for await (const { raw } of source.batches({ maxRows, signal })) {
    signal?.throwIfAborted();
    requireWholeRows(raw, source);
    const elements = convertElements(raw, dtype, to.dtype, scales);
    const infinite = elements === raw ? 0 : countInfinite(elements, to.dtype) - countInfinite(raw, dtype);
    yield { elements, overflowCount: Math.max(0, infinite) };
  }
}

function requireWholeRows(raw: unknown, { dimensions, dtype }: VectorSource): void {
  const { length = Number.NaN, BYTES_PER_ELEMENT: bytes } = (raw ?? {}) as Partial<RawValues>;
  if (ArrayBuffer.isView(raw) && length % dimensions === 0 && bytes === ELEMENT_BYTES[dtype]) return;
  throw new TypeError(
    `source: expected batches with raw ${dtype} elements in whole rows of ${dimensions}, got ${describeValue(raw)}`,
  );
}
