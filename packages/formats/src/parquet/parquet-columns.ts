import { quoteName } from '../escape-name.js';
import type { InputFile } from '../files/input-file.js';
import type { ColumnValue } from '../vector-batch.js';
import type { ParquetColumn, ParquetLeaf } from './parquet-footer.js';
import type { ParquetPage } from './parquet-pages.js';

/** Integers of 32 or 64 bits, by their meaning. */
const INTEGERS = ['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'];

/** Whether {@link parquetValues} reads a column. */
export function hasParquetValues({ leaves }: ParquetColumn): boolean {
  if (leaves.length !== 1 || leaves[0].maxRepetition > 0) return false;
  const [{ type, meaning }] = leaves;
  if (type === 'BYTE_ARRAY') return meaning === 'text';
  if (type === 'INT32' || type === 'INT64') return meaning === undefined || INTEGERS.includes(meaning);
  return ['BOOLEAN', 'FLOAT', 'DOUBLE'].includes(type);
}

/** The values of a page, with nulls. */
export function parquetValues(
  file: InputFile,
  name: string,
  leaf: ParquetLeaf,
  page: ParquetPage,
): readonly ColumnValue[] {
  const present = presentValues(file, name, leaf, page);
  const { definitions, count } = page;
  if (definitions === undefined) return present;
  let next = 0;
  return Array.from({ length: count }, (_, i) => (definitions[i] === leaf.maxDefinition ? present[next++] : null));
}

function presentValues(
  file: InputFile,
  name: string,
  { type, meaning }: ParquetLeaf,
  { values, offset }: ParquetPage,
): readonly ColumnValue[] {
  if (Array.isArray(values)) return decodeTexts(file, name, values as readonly Uint8Array[], offset);
  const numbers = [...(values as Iterable<number | bigint>)];
  if (type === 'BOOLEAN') return numbers.map((bit) => bit === 1);
  if (meaning === 'uint64') return numbers.map((value) => BigInt.asUintN(64, value as bigint));
  return meaning === 'uint32' ? numbers.map((value) => Number(value) >>> 0) : numbers;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The same bytes of a dictionary become the same string. */
function decodeTexts(file: InputFile, name: string, values: readonly Uint8Array[], offset: number): readonly string[] {
  const known = new Map<Uint8Array, string>();
  try {
    return values.map((bytes) => {
      const text = known.get(bytes) ?? decoder.decode(bytes);
      known.set(bytes, text);
      return text;
    });
  } catch (cause) {
    throw file.error('damaged', `column ${quoteName(name)} has text that is not UTF-8`, offset, cause);
  }
}
