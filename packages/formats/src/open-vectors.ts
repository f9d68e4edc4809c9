import { describeValue, optionNames, readOptions } from '@gearshift/contracts/internal';
import { detectFormat, formatOf } from './formats.js';
import { quoteName } from './escape-name.js';
import { InputFile } from './files/input-file.js';
import { VECTOR_FORMATS, VectorFile, type VectorFormat } from './vector-file.js';

export interface OpenOptions {
  /** By default it follows from the extension, or from the first bytes. */
  readonly format?: VectorFormat | undefined;
  /** safetensors: the tensor to read. By default the only one with two dimensions. */
  readonly tensor?: string | undefined;
  /** Arrow and Parquet: the column with the vectors. By default the only list of numbers. */
  readonly column?: string | undefined;
  /** Arrow and Parquet: columns to read beside the vectors, such as ids. */
  readonly columns?: readonly string[] | undefined;
  /** .npy and safetensors: accept a one-dimensional array as a single vector. Default: false. */
  readonly allowSingle?: boolean | undefined;
}

const OPTIONS = optionNames<OpenOptions>({
  format: true,
  tensor: true,
  column: true,
  columns: true,
  allowSingle: true,
});

/**
 * Opens a file of vectors and checks its header. The rows are read by {@link VectorFile.batches}.
 *
 * @throws FormatError if it cannot be read, or is not a valid file of its format
 * @throws TypeError or RangeError for wrong arguments
 */
export async function openVectors(path: string, options?: OpenOptions): Promise<VectorFile> {
  if (typeof path !== 'string') throw new TypeError(`path: expected a string, got ${describeValue(path)}`);
  const given = checkOptions(readOptions('options', options, OPTIONS));
  return await openInput(await InputFile.open(path), given);
}

/** Opens a file with checked options, and closes it if that fails. */
export async function openInput(file: InputFile, given: OpenOptions): Promise<VectorFile> {
  try {
    const format = given.format ?? (await detectFormat(file));
    file.format = format;
    requireNames(file, format, given);
    return new VectorFile(file, format, await formatOf(format).open(file, given));
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A name that the format cannot have would otherwise be ignored. */
function requireNames(file: InputFile, format: VectorFormat, { tensor, column, columns = [] }: OpenOptions): void {
  const hasColumns = format === 'arrow' || format === 'parquet';
  const [wanted] = hasColumns ? [] : column === undefined ? columns : [column];
  if (wanted !== undefined)
    throw file.error('not-found', `no column ${quoteName(wanted)}: ${format} files have no columns`);
  if (tensor === undefined || format === 'safetensors') return;
  throw file.error('not-found', `no tensor ${quoteName(tensor)}: ${format} files have no names of tensors`);
}

function checkOptions(options: OpenOptions): OpenOptions {
  const { format, tensor, column, columns, allowSingle } = options;
  if (format !== undefined && !VECTOR_FORMATS.includes(format)) {
    throw new RangeError(`format: expected one of ${VECTOR_FORMATS.join(', ')}, got ${describeValue(format)}`);
  }
  for (const [name, value] of Object.entries({ tensor, column })) {
    if (value !== undefined && typeof value !== 'string') {
      throw new TypeError(`${name}: expected a string, got ${describeValue(value)}`);
    }
  }
  if (columns !== undefined && !(Array.isArray(columns) && columns.every((name) => typeof name === 'string'))) {
    throw new TypeError(`columns: expected an array of strings, got ${describeValue(columns)}`);
  }
  if (allowSingle !== undefined && typeof allowSingle !== 'boolean') {
    throw new TypeError(`allowSingle: expected a boolean, got ${describeValue(allowSingle)}`);
  }
  return { format, tensor, column, columns: columns === undefined ? undefined : [...new Set(columns)], allowSingle };
}
