import { ELEMENT_BYTES, rawView, type ElementType, type RawValues } from '../elements/element-type.js';
import { quoteName, quoteNames } from '../escape-name.js';
import type { InputFile } from '../files/input-file.js';
import { requireDimensions } from '../limits.js';
import type { OpenOptions } from '../open-vectors.js';
import { VectorBatch, type ColumnValue } from '../vector-batch.js';
import type { FileEntry, VectorReader } from '../vector-file.js';
import { hasParquetValues, parquetValues } from './parquet-columns.js';
import { readParquetFooter, type ColumnChunk, type ParquetColumn, type ParquetFooter } from './parquet-footer.js';
import { readPages, type ParquetPage } from './parquet-pages.js';

/** Opens a column of vectors of a Parquet file: a list of numbers. */
export async function openParquet(
  file: InputFile,
  { column: name, columns: wanted = [] }: OpenOptions,
): Promise<VectorReader> {
  const footer = await readParquetFooter(file);
  const vectors = chooseColumn(file, footer.columns, name);
  const dtype = vectorType(vectors);
  if (dtype === undefined) {
    throw file.error(
      'unsupported',
      `column ${quoteName(vectors.name)} has the type ${vectors.typeName}, expected a list of numbers`,
    );
  }
  const others = wanted.map((other) => {
    const column = chooseColumn(file, footer.columns, other);
    if (hasParquetValues(column)) return column;
    throw file.error(
      'unsupported',
      `column ${quoteName(other)} has the type ${column.typeName}, expected text, numbers or booleans`,
    );
  });
  const dimensions = requireDimensions(file, findDimensions(file, footer, vectors));
  const place = { file, column: vectors, dtype, dimensions };

  async function* batches(maxRows: number): AsyncGenerator<VectorBatch, void> {
    let firstRow = 0;
    for (const group of footer.rowGroups([vectors, ...others].map(({ leaves }) => leaves[0]))) {
      const [chunk, ...otherChunks] = group.chunks;
      const elements = vectorCursor(place, chunk, firstRow);
      const cursors = others.map((column, index) => valueCursor(file, column, otherChunks[index]));
      for (let start = 0; start < group.rows; start += maxRows) {
        const rows = Math.min(maxRows, group.rows - start);
        const raw = await elements.take(rows);
        const columns = new Map<string, readonly ColumnValue[]>();
        for (const [index, { name: other }] of others.entries()) columns.set(other, await cursors[index].take(rows));
        yield new VectorBatch({ dimensions, dtype: place.dtype, scale: 1 }, firstRow + start, raw, columns);
      }
      await elements.end();
      firstRow += group.rows;
    }
    if (firstRow !== footer.rows) {
      throw file.error(
        'damaged',
        `${firstRow} rows in the row groups, but the footer says ${footer.rows}`,
        file.sizeBytes,
      );
    }
  }

  return { rows: footer.rows, dimensions, dtype, scale: 1, details: { column: vectors.name }, batches };
}

/** The columns of a Parquet file. */
export async function listParquet(file: InputFile): Promise<readonly FileEntry[]> {
  const { columns } = await readParquetFooter(file);
  return columns.map(({ name, typeName }) => ({ name, type: typeName, shape: undefined }));
}

function chooseColumn(file: InputFile, columns: readonly ParquetColumn[], name: string | undefined): ParquetColumn {
  const names = columns.map((column) => column.name);
  const known = names.length === 0 ? 'there are none' : `there are ${quoteNames(names)}`;
  const found =
    name === undefined
      ? columns.filter((column) => vectorType(column) !== undefined)
      : columns.filter((column) => column.name === name);
  if (found.length === 1) return found[0];
  if (found.length === 0) {
    throw file.error(
      'not-found',
      `no column ${name === undefined ? 'with lists of numbers' : quoteName(name)}; ${known}`,
    );
  }
  if (name !== undefined) throw file.error('ambiguous', `${found.length} columns have the name ${quoteName(name)}`);
  const candidates = quoteNames(found.map((column) => column.name));
  throw file.error('ambiguous', `${found.length} columns with lists of numbers: ${candidates}; choose one by its name`);
}

/** The element type of a column of vectors, or undefined if the column has none. */
function vectorType({ leaves }: ParquetColumn): ElementType | undefined {
  if (leaves.length !== 1 || leaves[0].maxRepetition !== 1) return undefined;
  const [{ type, typeLength, meaning }] = leaves;
  if (type === 'FLOAT') return 'float32';
  if (type === 'DOUBLE') return 'float64';
  if (type === 'FIXED_LEN_BYTE_ARRAY') return meaning === 'float16' && typeLength === 2 ? 'float16' : undefined;
  if (type !== 'INT32') return undefined;
  if (meaning === 'int8' || meaning === 'uint8') return meaning;
  return meaning === undefined || meaning === 'int32' ? 'int32' : undefined;
}

/** From the first row group with rows: all of its vectors must have the same length. */
function findDimensions(file: InputFile, footer: ParquetFooter, { name, leaves }: ParquetColumn): number {
  for (const { rows, chunks } of footer.rowGroups(leaves)) {
    if (rows === 0) continue;
    const dimensions = chunks[0].values / rows;
    if (Number.isInteger(dimensions)) return dimensions;
    const problem = `column ${quoteName(name)} has ${chunks[0].values} elements in ${rows} rows: some vectors are null or have another length`;
    throw file.error('unsupported', problem, chunks[0].start);
  }
  throw file.error('unsupported', `column ${quoteName(name)} has no rows, so that its dimensions are not known`);
}

interface VectorPlace {
  readonly file: InputFile;
  readonly column: ParquetColumn;
  readonly dtype: ElementType;
  readonly dimensions: number;
}

/** Takes vectors from the pages of a chunk. A vector may go on in the next page. */
function vectorCursor(place: VectorPlace, chunk: ColumnChunk, firstRow: number) {
  const { file, column, dtype, dimensions } = place;
  const [leaf] = column.leaves;
  const pages = readPages(file, leaf, chunk);
  let page: RawValues = rawView(dtype, new ArrayBuffer(0), 0, 0);
  let used = 0;
  /** Elements of the pages so far, which tell the row. */
  let seen = 0;

  const nextPage = async (): Promise<boolean> => {
    const { done, value } = await pages.next();
    if (done === true) return false;
    requireWholeVectors(place, value, seen, firstRow);
    seen += value.count;
    page = elementsOf(dtype, value);
    used = 0;
    return true;
  };

  return {
    async take(rows: number): Promise<RawValues> {
      const wanted = rows * dimensions;
      const parts: RawValues[] = [];
      for (let filled = 0; filled < wanted;) {
        if (used === page.length) {
          if (await nextPage()) continue;
          throw file.error(
            'damaged',
            `column ${quoteName(column.name)} has fewer vectors than its row group has rows`,
            chunk.end,
          );
        }
        const part = page.subarray(used, Math.min(page.length, used + wanted - filled));
        used += part.length;
        filled += part.length;
        parts.push(part);
      }
      // Copied only now, so that nothing is allocated that the file does not fill.
      const output = rawView(dtype, new ArrayBuffer(wanted * ELEMENT_BYTES[dtype]), 0, wanted);
      parts.reduce((offset, part) => (output.set(part, offset), offset + part.length), 0);
      return output;
    },
    async end(): Promise<void> {
      while (used === page.length) if (!(await nextPage())) return;
      throw file.error(
        'damaged',
        `column ${quoteName(column.name)} has more vectors than its row group has rows`,
        chunk.end,
      );
    },
  };
}

/** Every vector begins at a multiple of the dimensions, and no element is null. */
function requireWholeVectors(
  { file, column, dimensions }: VectorPlace,
  { count, definitions, repetitions, offset }: ParquetPage,
  seen: number,
  firstRow: number,
): void {
  const { maxDefinition } = column.leaves[0];
  for (let i = 0; i < count; i++) {
    const row = firstRow + Math.floor((seen + i) / dimensions);
    if (definitions !== undefined && definitions[i] !== maxDefinition) {
      throw file.error(
        'unsupported',
        `column ${quoteName(column.name)} is null or empty in row ${row}; remove that row first`,
        offset,
      );
    }
    const isFirst = (seen + i) % dimensions === 0;
    if ((repetitions?.[i] === 0) === isFirst) continue;
    throw file.error(
      'unsupported',
      `row ${isFirst ? row - 1 : row} of column ${quoteName(column.name)} does not have ${dimensions} elements as others`,
      offset,
    );
  }
}

function elementsOf(dtype: ElementType, { values }: ParquetPage): RawValues {
  if (dtype === 'int8') return Int8Array.from(values as Int32Array);
  if (dtype === 'uint8') return Uint8Array.from(values as Int32Array);
  if (dtype !== 'float16') return values as RawValues;
  const bytes = values as Uint8Array;
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
}

/** Takes values of a column beside the vectors. */
function valueCursor(file: InputFile, { name, leaves: [leaf] }: ParquetColumn, chunk: ColumnChunk) {
  const pages = readPages(file, leaf, chunk);
  let values: readonly ColumnValue[] = [];
  let used = 0;
  return {
    async take(rows: number): Promise<readonly ColumnValue[]> {
      const taken: ColumnValue[] = [];
      while (taken.length < rows) {
        if (used === values.length) {
          const { done, value } = await pages.next();
          if (done === true)
            throw file.error(
              'damaged',
              `column ${quoteName(name)} has fewer values than its row group has rows`,
              chunk.end,
            );
          values = parquetValues(file, name, leaf, value);
          used = 0;
        }
        const end = Math.min(values.length, used + rows - taken.length);
        for (; used < end; used++) taken.push(values[used]);
      }
      return taken;
    },
  };
}
