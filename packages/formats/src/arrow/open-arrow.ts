import { ELEMENT_BYTES, rawView, type ElementType } from '../elements/element-type.js';
import { quoteName, quoteNames } from '../escape-name.js';
import type { InputFile } from '../files/input-file.js';
import { requireDimensions } from '../limits.js';
import type { OpenOptions } from '../open-vectors.js';
import { VectorBatch, type ColumnValue } from '../vector-batch.js';
import type { FileEntry, VectorReader } from '../vector-file.js';
import { readArrowBatch, type ArrowColumn } from './arrow-batch.js';
import { MESSAGE_TYPES, readArrow, type ArrowContents, type ArrowMessage } from './arrow-messages.js';
import { readArrowSchema, vectorType, type ArrowField } from './arrow-schema.js';
import { hasValues, readNulls, readOffsets, readValues, type Dictionaries } from './arrow-values.js';

/** Entries of all dictionaries together, which are kept in memory. */
const MAX_DICTIONARY_ENTRIES = 2 ** 22;

/** Opens a column of vectors of an Arrow file or stream: a FixedSizeList, List or LargeList of numbers. */
export async function openArrow(
  file: InputFile,
  { column: name, columns: wanted = [] }: OpenOptions,
): Promise<VectorReader> {
  const { fields, contents } = await readSchema(file);
  const vectors = chooseColumn(file, fields, name, 'name');
  const found = vectorType(fields[vectors]);
  if (found === undefined) {
    const problem = `column ${quoteName(fields[vectors].name)} has the type ${fields[vectors].typeName}, expected a list of numbers`;
    throw file.error('unsupported', problem);
  }
  const dtype: ElementType = found;
  const others = wanted.map((other) => {
    const index = chooseColumn(file, fields, other, 'columns');
    if (hasValues(fields[index])) return index;
    const problem = `column ${quoteName(other)} has the type ${fields[index].typeName}, expected text, numbers or booleans`;
    throw file.error('unsupported', problem);
  });
  const dimensions = requireDimensions(file, await findDimensions(file, contents, fields, vectors));

  async function* batches(maxRows: number): AsyncGenerator<VectorBatch, void> {
    const dictionaries = new Map<number, readonly ColumnValue[]>();
    const wantedFields = others.map((index) => fields[index]);
    let firstRow = 0;
    for await (const message of contents.messages()) {
      if (message.type === MESSAGE_TYPES.dictionary) await readDictionary(file, message, wantedFields, dictionaries);
      if (message.type !== MESSAGE_TYPES.batch) continue;
      const { rows, columns } = readArrowBatch(file, message, message.header, fields);
      const place = { file, column: columns[vectors], dtype, dimensions, offset: message.offset };
      for (let start = 0; start < rows; start += maxRows) {
        const end = Math.min(rows, start + maxRows);
        const raw = await readVectors(place, firstRow, start, end);
        const values = new Map<string, readonly ColumnValue[]>();
        for (const index of others) {
          values.set(fields[index].name, await readValues(file, columns[index], start, end, dictionaries));
        }
        yield new VectorBatch({ dimensions, dtype, scale: 1 }, firstRow + start, raw, values);
      }
      firstRow += rows;
    }
  }

  return { rows: undefined, dimensions, dtype, scale: 1, details: { column: fields[vectors].name }, batches };
}

/** The columns of an Arrow file or stream. */
export async function listArrow(file: InputFile): Promise<readonly FileEntry[]> {
  const { fields } = await readSchema(file);
  return fields.map(({ name, typeName }) => ({ name, type: typeName, shape: undefined }));
}

async function readSchema(file: InputFile) {
  const contents = await readArrow(file);
  return { fields: readArrowSchema(file, contents.schema, contents.offset), contents };
}

/** The place of the column with that name, or of the only one with vectors. */
function chooseColumn(
  file: InputFile,
  fields: readonly ArrowField[],
  name: string | undefined,
  option: string,
): number {
  if (name !== undefined) {
    const places = fields.flatMap((field, index) => (field.name === name ? [index] : []));
    if (places.length === 1) return places[0];
    const known = quoteNames(fields.map((field) => field.name));
    if (places.length === 0) throw file.error('not-found', `no column ${quoteName(name)}; there are ${known}`);
    throw file.error('ambiguous', `${places.length} columns have the name ${quoteName(name)} (${option})`);
  }
  const candidates = fields.filter((field) => vectorType(field) !== undefined);
  if (candidates.length === 1) return fields.indexOf(candidates[0]);
  const known = fields.length === 0 ? 'there are none' : `there are ${quoteNames(fields.map((field) => field.name))}`;
  if (candidates.length === 0) throw file.error('not-found', `no column with lists of numbers; ${known}`);
  const names = quoteNames(candidates.map((field) => field.name));
  throw file.error('ambiguous', `${candidates.length} columns with lists of numbers: ${names}; choose one by its name`);
}

/** A fixed-size list says its size. Otherwise the first row tells. */
async function findDimensions(
  file: InputFile,
  contents: ArrowContents,
  fields: readonly ArrowField[],
  vectors: number,
): Promise<number> {
  const { layout, name } = fields[vectors];
  if (layout.kind === 'fixed-list') return layout.size;
  for await (const message of contents.messages()) {
    if (message.type !== MESSAGE_TYPES.batch) continue;
    const { rows, columns } = readArrowBatch(file, message, message.header, fields);
    if (rows === 0 || layout.kind !== 'list') continue;
    const offsets = await readOffsets(columns[vectors].buffers[1], 0, 1, layout.offsetBytes);
    return offsets[1] - offsets[0];
  }
  throw file.error('unsupported', `column ${quoteName(name)} has no rows, so that its dimensions are not known`);
}

interface VectorsInBatch {
  readonly file: InputFile;
  readonly column: ArrowColumn;
  readonly dtype: ElementType;
  readonly dimensions: number;
  /** Of the message, for errors. */
  readonly offset: number;
}

async function readVectors(place: VectorsInBatch, firstRow: number, start: number, end: number) {
  const { file, column, dtype, dimensions, offset } = place;
  const [elements] = column.children;
  const { name } = column.field;
  if (column.nullCount !== 0) {
    const row = firstNull(await readNulls(column.buffers[0], start, end), end - start);
    if (row >= 0)
      throw file.error(
        'unsupported',
        `column ${quoteName(name)} is null in row ${firstRow + start + row}; remove that row first`,
        offset,
      );
  }
  const from = await firstElement(place, firstRow, start, end);
  const count = (end - start) * dimensions;
  if (!(from >= 0 && from + count <= elements.length)) {
    throw file.error(
      'damaged',
      `column ${quoteName(name)} needs ${from + count} elements, got ${elements.length}`,
      offset,
    );
  }
  if (elements.nullCount !== 0) {
    const element = firstNull(await readNulls(elements.buffers[0], from, from + count), count);
    if (element >= 0) {
      const row = firstRow + start + Math.floor(element / dimensions);
      throw file.error(
        'unsupported',
        `column ${quoteName(name)} has a null element in row ${row}; remove that row first`,
        offset,
      );
    }
  }
  const bytes = ELEMENT_BYTES[dtype];
  const data = await elements.buffers[1].read(from * bytes, count * bytes);
  return rawView(dtype, data.buffer, 0, count);
}

/** The place of the first element of row `start`. Every row must have as many elements as there are dimensions. */
async function firstElement(place: VectorsInBatch, firstRow: number, start: number, end: number): Promise<number> {
  const { file, column, dimensions, offset } = place;
  const { layout, name } = column.field;
  if (layout.kind !== 'list') return start * dimensions;
  const offsets = await readOffsets(column.buffers[1], start, end - start, layout.offsetBytes);
  for (let i = 0; i < end - start; i++) {
    const length = offsets[i + 1] - offsets[i];
    if (length === dimensions) continue;
    const problem = `row ${firstRow + start + i} of column ${quoteName(name)} has ${length} elements, expected ${dimensions} as in the first row`;
    throw file.error(length < 0 ? 'damaged' : 'unsupported', problem, offset);
  }
  return offsets[0];
}

function firstNull(isNull: (index: number) => boolean, count: number): number {
  for (let i = 0; i < count; i++) if (isNull(i)) return i;
  return -1;
}

/** Keeps the values of a dictionary if a wanted column uses it. */
async function readDictionary(
  file: InputFile,
  message: ArrowMessage,
  wanted: readonly ArrowField[],
  dictionaries: Map<number, readonly ColumnValue[]>,
): Promise<void> {
  const { header, offset } = message;
  const id = header.int64(0, 0);
  const field = wanted.find(({ dictionary }) => dictionary?.id === id);
  const data = header.table(1);
  if (field?.dictionary === undefined) return;
  if (data === undefined) throw file.error('damaged', 'a dictionary without values', offset);
  const { rows, columns } = readArrowBatch(file, message, data, [field.dictionary.values]);
  const before = header.int8(2, 0) === 1 ? (dictionaries.get(id) ?? []) : []; // a delta appends
  if (rows + before.length + countEntries(dictionaries) > MAX_DICTIONARY_ENTRIES) {
    const problem = `dictionaries of more than ${MAX_DICTIONARY_ENTRIES} entries; read the file without column ${quoteName(field.name)}`;
    throw file.error('too-large', problem, offset);
  }
  dictionaries.set(id, [...before, ...(await readValues(file, columns[0], 0, rows, dictionaries))]);
}

function countEntries(dictionaries: Dictionaries): number {
  let count = 0;
  for (const values of dictionaries.values()) count += values.length;
  return count;
}
