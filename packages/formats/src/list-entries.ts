import { describeValue, optionNames, readOptions } from '@gearshift/contracts/internal';
import { InputFile } from './files/input-file.js';
import { detectFormat, formatOf } from './formats.js';
import type { FileEntry } from './vector-file.js';
import { VECTOR_FORMATS, type VectorFormat } from './vector-file.js';

export interface ListOptions {
  /** By default it follows from the extension, or from the first bytes. */
  readonly format?: VectorFormat | undefined;
}

const OPTIONS = optionNames<ListOptions>({ format: true });

/**
 * Lists the tensors of a safetensors file or the columns of an Arrow or Parquet file, in the order of the file. Other formats have one
 * array without a name.
 *
 * @throws FormatError if the file cannot be read, or is not a valid file of its format
 */
export async function listEntries(path: string, options?: ListOptions): Promise<readonly FileEntry[]> {
  if (typeof path !== 'string') throw new TypeError(`path: expected a string, got ${describeValue(path)}`);
  const { format: given } = readOptions('options', options, OPTIONS);
  if (given !== undefined && !VECTOR_FORMATS.includes(given)) {
    throw new RangeError(`format: expected one of ${VECTOR_FORMATS.join(', ')}, got ${describeValue(given)}`);
  }
  const file = await InputFile.open(path);
  try {
    const format = given ?? (await detectFormat(file));
    file.format = format;
    return await formatOf(format).list(file);
  } finally {
    await file.close();
  }
}
