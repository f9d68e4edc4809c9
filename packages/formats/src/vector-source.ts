import type { ElementType, RawValues } from './elements/element-type.js';

/** Vectors to write: an open file, `vectorsFrom(...)`, or an object of the caller. */
export interface VectorSource {
  readonly dimensions: number;
  readonly dtype: ElementType;
  /** Of int8 elements. Default: 1. */
  readonly scale?: number | undefined;
  /** Undefined if it is not known before the end. */
  readonly rows?: number | undefined;
  /** Batches of whole rows, in order. */
  batches(options: { readonly maxRows?: number; readonly signal?: AbortSignal | undefined }): AsyncIterable<{
    readonly raw: RawValues;
  }>;
}
