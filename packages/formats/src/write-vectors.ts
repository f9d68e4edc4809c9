import { describeValue, optionNames, readOptions, requireInteger, requireSignal } from '@gearshift/contracts/internal';
import { convertBatches } from './elements/convert-batches.js';
import { ELEMENT_TYPES, type ElementType } from './elements/element-type.js';
import { OutputFile } from './files/output-file.js';
import { FormatError } from './format-error.js';
import { formatOfPath } from './formats.js';
import { MAX_DIMENSIONS } from './limits.js';
import { npyLayout } from './npy/npy-layout.js';
import { safetensorsLayout } from './safetensors/safetensors-layout.js';
import type { VectorSource } from './vector-source.js';
import { fvecsLayout } from './vecs/fvecs-layout.js';

/** The formats that {@link writeVectors} writes. */
export const WRITABLE_FORMATS = ['npy', 'safetensors', 'fvecs'] as const;

export type WritableFormat = (typeof WRITABLE_FORMATS)[number];

/** Element types of a format; the first is the default for what it cannot hold. */
const WRITABLE_TYPES: Readonly<Record<WritableFormat, readonly ElementType[]>> = {
  npy: ['float32', 'float64', 'float16', 'int8'],
  safetensors: ['float32', 'float64', 'float16', 'bfloat16', 'int8'],
  fvecs: ['float32'],
};

export interface WriteOptions {
  /** By default it follows from the extension. */
  readonly format?: WritableFormat | undefined;
  /** By default that of the source if the format has it, otherwise float32. */
  readonly dtype?: ElementType | undefined;
  /** Of the result if it is int8 and the source is not: an element stands for `element * scale`. See {@link int8Scale}. */
  readonly scale?: number | undefined;
  /** safetensors: the name of the tensor. Default: 'vectors'. */
  readonly tensor?: string | undefined;
  /** Replace an existing file. Default: false. */
  readonly overwrite?: boolean | undefined;
  /** Stops, and leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The file that is written before it gets the name `path`: in the same folder, and removed if anything fails. A program that may end
   * at any moment can choose it, to remove it then. By default `path` with a random ending.
   */
  readonly temporaryPath?: string | undefined;
  /** Called with the number of rows written so far. */
  readonly onProgress?: ((rows: number) => void) | undefined;
}

const OPTIONS = optionNames<WriteOptions>({
  format: true,
  dtype: true,
  scale: true,
  tensor: true,
  overwrite: true,
  signal: true,
  temporaryPath: true,
  onProgress: true,
});

/** What {@link writeVectors} has written. */
export interface WrittenVectors {
  readonly format: WritableFormat;
  readonly rows: number;
  readonly dimensions: number;
  readonly dtype: ElementType;
  /** Of int8 elements, otherwise 1. An `.npy` file does not contain it: keep it elsewhere. */
  readonly scale: number;
  readonly sizeBytes: number;
  /** Finite elements that became infinite, because they are too large for the type. */
  readonly overflowCount: number;
}

/** How a format arranges rows. */
export interface FileLayout {
  /** The first bytes of the file. Their number does not depend on the rows. */
  header(rows: number): Uint8Array;
  /** The bytes of some rows, from their elements. */
  rows(elements: Uint8Array): Uint8Array;
}

/**
 * Writes vectors to a file in bounded memory: first under another name in the same folder, then renamed. Afterwards there is the complete
 * file, or what was there before.
 *
 * @throws FormatError if the file cannot be written, or exists and `overwrite` is not set; or the error of the source
 * @throws TypeError or RangeError for wrong arguments
 */
export async function writeVectors(
  path: string,
  source: VectorSource,
  options?: WriteOptions,
): Promise<WrittenVectors> {
  const plan = planOf(path, source, readOptions('options', options, OPTIONS));
  const { format, dtype, scale, tensor, overwrite, signal, temporaryPath, onProgress } = plan;
  const { dimensions } = source;
  const layout = layoutOf(format, dtype, dimensions, scale, tensor);
  signal?.throwIfAborted();
  const file = await OutputFile.create(path, overwrite, temporaryPath);
  try {
    await file.write(layout.header(0));
    let rows = 0;
    let overflowCount = 0;
    for await (const { elements, overflowCount: overflows } of convertBatches(source, { dtype, scale }, signal)) {
      await file.write(layout.rows(new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)));
      rows += elements.length / dimensions;
      overflowCount += overflows;
      onProgress?.(rows);
    }
    if (rows === 0 && format === 'fvecs') {
      throw new FormatError('unsupported', 'no rows to write, and .fvecs needs at least one', { path, format });
    }
    await file.writeAt(0, layout.header(rows));
    await file.commit();
    return { format, rows, dimensions, dtype, scale, sizeBytes: file.bytes, overflowCount };
  } catch (error) {
    await file.discard();
    throw error;
  }
}

function layoutOf(
  format: WritableFormat,
  dtype: ElementType,
  dimensions: number,
  scale: number,
  tensor: string,
): FileLayout {
  switch (format) {
    case 'npy':
      return npyLayout(dtype, dimensions);
    case 'safetensors':
      return safetensorsLayout(dtype, dimensions, scale, tensor);
    case 'fvecs':
      return fvecsLayout(dimensions);
  }
}

function planOf(path: string, source: VectorSource, options: WriteOptions) {
  if (typeof path !== 'string') throw new TypeError(`path: expected a string, got ${describeValue(path)}`);
  if (typeof source?.batches !== 'function') {
    throw new TypeError(
      `source: expected vectors such as openVectors() or vectorsFrom() return, got ${describeValue(source)}`,
    );
  }
  requireInteger('source.dimensions', source.dimensions, 1, MAX_DIMENSIONS);
  requireType('source.dtype', source.dtype);
  const { overwrite = false, tensor = 'vectors', temporaryPath, onProgress } = options;
  const format = (options.format ?? formatOfPath(path)) as WritableFormat | undefined;
  if (format === undefined || !WRITABLE_FORMATS.includes(format)) {
    const given = options.format === undefined ? `the name ${describeValue(path)}` : describeValue(format);
    throw new RangeError(`format: expected one of ${WRITABLE_FORMATS.join(', ')}, got ${given}`);
  }
  if (options.dtype !== undefined) requireType('dtype', options.dtype);
  const types = WRITABLE_TYPES[format];
  const dtype = options.dtype ?? (types.includes(source.dtype) ? source.dtype : types[0]);
  if (!types.includes(dtype)) {
    throw new RangeError(`dtype: expected ${types.join(', ')} for ${format}, got '${dtype}'`);
  }
  if (typeof tensor !== 'string' || tensor === '__metadata__' || /\p{Surrogate}/u.test(tensor)) {
    throw new TypeError(`tensor: expected a name, got ${describeValue(tensor)}`);
  }
  if (typeof overwrite !== 'boolean') {
    throw new TypeError(`overwrite: expected a boolean, got ${describeValue(overwrite)}`);
  }
  const signal = requireSignal('signal', options.signal);
  return {
    format,
    dtype,
    scale: scaleOf(source, dtype, options.scale),
    tensor,
    overwrite,
    signal,
    temporaryPath,
    onProgress,
  };
}

function scaleOf(source: VectorSource, dtype: ElementType, given: number | undefined): number {
  if (dtype !== 'int8') {
    if (given === undefined) return 1;
    throw new RangeError(`scale: expected no scale for ${dtype}, got ${describeValue(given)}; only int8 has one`);
  }
  const scale = given ?? (source.dtype === 'int8' ? (source.scale ?? 1) : undefined);
  if (typeof scale === 'number' && scale > 0 && scale < Infinity) return scale;
  throw new RangeError(
    `scale: expected a positive number for int8, such as int8Scale(values), got ${describeValue(scale)}`,
  );
}

function requireType(name: string, dtype: unknown): void {
  if (ELEMENT_TYPES.includes(dtype as ElementType)) return;
  throw new RangeError(`${name}: expected one of ${ELEMENT_TYPES.join(', ')}, got ${describeValue(dtype)}`);
}
