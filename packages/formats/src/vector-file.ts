import { optionNames, readOptions, requireInteger, requireSignal } from '@gearshift/contracts/internal';
import { ELEMENT_BYTES, type ElementType } from './elements/element-type.js';
import type { InputFile } from './files/input-file.js';
import type { VectorBatch } from './vector-batch.js';

/** The formats that {@link openVectors} reads. */
export const VECTOR_FORMATS = ['npy', 'safetensors', 'fvecs', 'bvecs', 'ivecs', 'arrow', 'parquet'] as const;

export type VectorFormat = (typeof VECTOR_FORMATS)[number];

/** Bytes of the batches, unless `maxRows` asks for other ones. */
const DEFAULT_BATCH_BYTES = 4 * 2 ** 20;
/** Larger batches are cut, whatever `maxRows` asks for. */
const MAX_BATCH_BYTES = 2 ** 30;

export interface BatchOptions {
  /** Rows of a batch at most. By default, batches have about 4 MiB. */
  readonly maxRows?: number | undefined;
  /** Ends the iteration with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
}

const BATCH_OPTIONS = optionNames<BatchOptions>({ maxRows: true, signal: true });

/** A tensor or a column of a file. */
export interface FileEntry {
  /** Undefined where the format has no names. */
  readonly name: string | undefined;
  /** As the format calls it, such as `<f4`, `BF16` or `FixedSizeList<Float32>[384]`. */
  readonly type: string;
  /** Undefined where the format has columns. */
  readonly shape: readonly number[] | undefined;
}

/** The part of a format that {@link VectorFile} needs. */
export interface VectorReader {
  readonly dimensions: number;
  readonly dtype: ElementType;
  readonly scale: number;
  /** Undefined where only the end of the file tells. */
  readonly rows: number | undefined;
  /** Facts of the format for people, such as the name of the tensor. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
  /** All rows in order, in batches of at most `maxRows` rows. */
  batches(maxRows: number): AsyncGenerator<VectorBatch, void>;
}

/** An open file of vectors. Reads in order, and keeps at most one batch in memory. */
export class VectorFile implements AsyncDisposable {
  readonly path: string;
  readonly format: VectorFormat;
  /** Undefined where the format tells it only at the end: Arrow. */
  readonly rows: number | undefined;
  readonly dimensions: number;
  readonly dtype: ElementType;
  /** Of int8 elements: an element stands for `element * scale`. 1 where the file has none. */
  readonly scale: number;
  readonly sizeBytes: number;
  /** Facts of the format for people, such as the name of the tensor or the column. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
  readonly #file: InputFile;
  readonly #reader: VectorReader;

  /** Use {@link openVectors}. */
  constructor(file: InputFile, format: VectorFormat, reader: VectorReader) {
    this.path = file.path;
    this.format = format;
    this.rows = reader.rows;
    this.dimensions = reader.dimensions;
    this.dtype = reader.dtype;
    this.scale = reader.scale;
    this.sizeBytes = file.sizeBytes;
    this.details = reader.details;
    this.#file = file;
    this.#reader = reader;
  }

  /**
   * Reads all rows from the first to the last. Each call starts again.
   *
   * @throws FormatError if the file is damaged, became shorter, or cannot be read. Rows of earlier batches are correct.
   */
  async *batches(options?: BatchOptions): AsyncGenerator<VectorBatch, void> {
    const { maxRows: given, signal: givenSignal } = readOptions('options', options, BATCH_OPTIONS);
    const signal = requireSignal('signal', givenSignal);
    const rowBytes = this.dimensions * ELEMENT_BYTES[this.dtype];
    const atMost = Math.max(1, Math.floor(MAX_BATCH_BYTES / rowBytes));
    const byDefault = Math.max(1, Math.floor(DEFAULT_BATCH_BYTES / rowBytes));
    const maxRows = given === undefined ? byDefault : Math.min(requireInteger('maxRows', given, 1), atMost);
    signal?.throwIfAborted();
    this.#file.requireOpen();
    for await (const batch of this.#reader.batches(maxRows)) {
      signal?.throwIfAborted();
      yield batch;
    }
  }

  /** Closes the file. Can be called again. */
  async close(): Promise<void> {
    await this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
