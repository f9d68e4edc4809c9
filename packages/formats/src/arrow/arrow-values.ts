import { float16ToFloat32 } from '@gearshift/contracts/internal';
import { quoteName } from '../escape-name.js';
import type { InputFile } from '../files/input-file.js';
import type { ColumnValue } from '../vector-batch.js';
import type { ArrowBuffer, ArrowColumn } from './arrow-batch.js';
import type { ArrowField } from './arrow-schema.js';

/** Values of dictionaries, by their id. */
export type Dictionaries = ReadonlyMap<number, readonly ColumnValue[]>;

/** Text of one batch of a column. */
const MAX_TEXT_BYTES = 2 ** 28;
/** Strings of a view that are no longer stand in the view itself. */
const MAX_INLINE_BYTES = 12;
const VIEW_BYTES = 16;

/** Whether {@link readValues} reads a column. */
export function hasValues({ layout, dictionary }: ArrowField): boolean {
  if (dictionary !== undefined) return hasValues(dictionary.values);
  return ['integer', 'float', 'bool', 'utf8'].includes(layout.kind) || (layout.kind === 'view' && layout.isText);
}

/** The values `start` to `end` of a column. */
export async function readValues(
  file: InputFile,
  column: ArrowColumn,
  start: number,
  end: number,
  dictionaries: Dictionaries,
): Promise<readonly ColumnValue[]> {
  const { field, buffers, nullCount } = column;
  const isNull = nullCount === 0 ? () => false : await readNulls(buffers[0], start, end);
  const values = await readPresent(file, column, start, end, isNull);
  const { dictionary } = field;
  const decoded =
    dictionary === undefined ? values : lookUp(file, field.name, values, dictionaries.get(dictionary.id), isNull);
  return decoded.map((value, index) => (isNull(index) ? null : value));
}

/** Tells of each value from `start` on whether it is null. */
export async function readNulls(buffer: ArrowBuffer, start: number, end: number): Promise<(index: number) => boolean> {
  const firstByte = Math.floor(start / 8);
  const bits = await buffer.read(firstByte, Math.ceil(end / 8) - firstByte);
  const shift = start - firstByte * 8;
  return (index) => (bits[(shift + index) >> 3] & (1 << ((shift + index) & 7))) === 0;
}

async function readPresent(
  file: InputFile,
  { field: { name, layout, typeName }, buffers }: ArrowColumn,
  start: number,
  end: number,
  isNull: (index: number) => boolean,
): Promise<readonly ColumnValue[]> {
  const count = end - start;
  switch (layout.kind) {
    case 'integer':
    case 'float': {
      const bytes = layout.bits / 8;
      const data = await buffers[1].read(start * bytes, count * bytes);
      return [...numbersOf(layout, data.buffer)];
    }
    case 'bool': {
      const isFalse = await readNulls(buffers[1], start, end);
      return Array.from({ length: count }, (_, index) => !isFalse(index));
    }
    case 'utf8':
      return readStrings(file, name, buffers, start, count, layout.offsetBytes);
    case 'view':
      return readViews(file, name, buffers, start, count, isNull);
    default:
      throw file.error(
        'unsupported',
        `column ${quoteName(name)} has the type ${typeName}, expected text, numbers or booleans`,
      );
  }
}

function numbersOf(
  layout:
    | { readonly kind: 'integer'; readonly bits: number; readonly isSigned: boolean }
    | { readonly kind: 'float'; readonly bits: number },
  data: ArrayBufferLike,
): Iterable<number | bigint> {
  if (layout.kind === 'float') {
    if (layout.bits === 16) return float16ToFloat32(new Uint16Array(data));
    return layout.bits === 32 ? new Float32Array(data) : new Float64Array(data);
  }
  const { bits, isSigned } = layout;
  if (bits === 64) return isSigned ? new BigInt64Array(data) : new BigUint64Array(data);
  if (bits === 32) return isSigned ? new Int32Array(data) : new Uint32Array(data);
  if (bits === 16) return isSigned ? new Int16Array(data) : new Uint16Array(data);
  return isSigned ? new Int8Array(data) : new Uint8Array(data);
}

async function readStrings(
  file: InputFile,
  name: string,
  buffers: readonly ArrowBuffer[],
  start: number,
  count: number,
  offsetBytes: 4 | 8,
): Promise<readonly string[]> {
  if (count === 0) return [];
  const offsets = await readOffsets(buffers[1], start, count, offsetBytes);
  const [first, last] = [offsets[0], offsets[count]];
  requireText(file, name, last - first);
  for (let i = 0; i < count; i++) {
    if (offsets[i + 1] < offsets[i])
      throw file.error('damaged', `column ${quoteName(name)} has offsets that run backwards`);
  }
  const text = await buffers[2].read(first, last - first);
  return Array.from({ length: count }, (_, i) =>
    decodeText(file, name, text.subarray(offsets[i] - first, offsets[i + 1] - first)),
  );
}

/** `count + 1` offsets as numbers. */
export async function readOffsets(
  buffer: ArrowBuffer,
  start: number,
  count: number,
  offsetBytes: 4 | 8,
): Promise<ArrayLike<number>> {
  const bytes = await buffer.read(start * offsetBytes, (count + 1) * offsetBytes);
  return offsetBytes === 4 ? new Int32Array(bytes.buffer) : Array.from(new BigInt64Array(bytes.buffer), Number);
}

async function readViews(
  file: InputFile,
  name: string,
  buffers: readonly ArrowBuffer[],
  start: number,
  count: number,
  isNull: (index: number) => boolean,
): Promise<readonly string[]> {
  const views = await buffers[1].read(start * VIEW_BYTES, count * VIEW_BYTES);
  const view = new DataView(views.buffer);
  const strings: string[] = [];
  let textBytes = 0;
  for (let i = 0; i < count; i++) {
    const at = i * VIEW_BYTES;
    const length = isNull(i) ? 0 : view.getInt32(at, true);
    textBytes += length;
    if (length < 0) throw file.error('damaged', `column ${quoteName(name)} has a string of ${length} bytes`);
    requireText(file, name, textBytes);
    if (length <= MAX_INLINE_BYTES) {
      strings.push(decodeText(file, name, views.subarray(at + 4, at + 4 + length)));
      continue;
    }
    const [buffer, offset] = [view.getInt32(at + 8, true), view.getInt32(at + 12, true)];
    if (buffer < 0 || 2 + buffer >= buffers.length)
      throw file.error('damaged', `column ${quoteName(name)} names a buffer ${buffer} that is not there`);
    strings.push(decodeText(file, name, await buffers[2 + buffer].read(offset, length)));
  }
  return strings;
}

function requireText(file: InputFile, name: string, bytes: number): void {
  if (bytes <= MAX_TEXT_BYTES) return;
  const problem = `column ${quoteName(name)} has ${bytes} bytes of text in a batch, expected at most ${MAX_TEXT_BYTES}; read fewer rows at once with maxRows`;
  throw file.error('too-large', problem);
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeText(file: InputFile, name: string, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw file.error('damaged', `column ${quoteName(name)} has text that is not UTF-8`, undefined, cause);
  }
}

function lookUp(
  file: InputFile,
  name: string,
  indices: readonly ColumnValue[],
  values: readonly ColumnValue[] | undefined,
  isNull: (index: number) => boolean,
): readonly ColumnValue[] {
  return indices.map((index, position) => {
    if (isNull(position)) return null;
    const value = values?.[Number(index)];
    if (value === undefined)
      throw file.error(
        'damaged',
        `column ${quoteName(name)} refers to entry ${String(index)} of its dictionary, which is not there`,
      );
    return value;
  });
}
