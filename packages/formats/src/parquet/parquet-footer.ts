import { isError } from '@gearshift/contracts/internal';
import { reasonOf, type InputFile } from '../files/input-file.js';
import { ThriftReader } from './thrift.js';

/** First and last bytes of a Parquet file. */
export const PARQUET_MAGIC = [...Buffer.from('PAR1')];
const TAIL_BYTES = 8;
/** Thousands of row groups of hundreds of columns have less. */
const MAX_FOOTER_BYTES = 64 * 2 ** 20;
const MAX_ELEMENTS = 65_536;
const MAX_DEPTH = 32;

const PHYSICAL_TYPES = [
  ...['BOOLEAN', 'INT32', 'INT64', 'INT96', 'FLOAT', 'DOUBLE', 'BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'],
] as const;

/** A column with values: a leaf of the tree of the schema. */
export interface ParquetLeaf {
  /** Its place in every row group. */
  readonly index: number;
  readonly type: string;
  /** Of FIXED_LEN_BYTE_ARRAY. */
  readonly typeLength: number;
  /** What the bits mean: 'text', 'float16', an integer such as 'int8' or 'uint64', or another name; undefined for the plain type. */
  readonly meaning: string | undefined;
  readonly maxDefinition: number;
  readonly maxRepetition: number;
}

/** A column of the table: one leaf, or several if it is a struct or a map. */
export interface ParquetColumn {
  readonly name: string;
  /** For people, such as `list<FLOAT>`. */
  readonly typeName: string;
  readonly leaves: readonly ParquetLeaf[];
}

/** The values of one leaf in one row group. */
export interface ColumnChunk {
  readonly codec: number;
  readonly values: number;
  /** Position of the first page. */
  readonly start: number;
  readonly end: number;
}

export interface ParquetFooter {
  readonly rows: number;
  readonly columns: readonly ParquetColumn[];
  /** The row groups in order, with the chunks of some leaves. Read from the footer as they are asked for. */
  rowGroups(
    leaves: readonly ParquetLeaf[],
  ): Generator<{ readonly rows: number; readonly chunks: readonly ColumnChunk[] }, void>;
}

/** Reads the footer. @throws FormatError */
export async function readParquetFooter(file: InputFile): Promise<ParquetFooter> {
  const first = await file.read(0, Math.min(4, file.sizeBytes));
  if (first.length < 4 || !PARQUET_MAGIC.every((byte, index) => first[index] === byte)) {
    throw file.error('foreign', 'not a Parquet file (it does not begin with PAR1)', 0);
  }
  const tailStart = file.sizeBytes - TAIL_BYTES;
  const tail = tailStart < 4 ? new Uint8Array(TAIL_BYTES) : await file.read(tailStart, TAIL_BYTES);
  if (!PARQUET_MAGIC.every((byte, index) => tail[4 + index] === byte)) {
    throw file.error('truncated', 'truncated: the file does not end with PAR1', file.sizeBytes);
  }
  const footerBytes = new DataView(tail.buffer).getUint32(0, true);
  const start = tailStart - footerBytes;
  if (start < 4)
    throw file.error('damaged', `a footer of ${footerBytes} bytes in a file of ${file.sizeBytes}`, tailStart);
  if (footerBytes > MAX_FOOTER_BYTES) {
    throw file.error('too-large', `a footer of ${footerBytes} bytes, expected at most ${MAX_FOOTER_BYTES}`, tailStart);
  }
  const bytes = await file.read(start, footerBytes, 'its footer');
  return parseFooter(file, bytes, start);
}

function parseFooter(file: InputFile, bytes: Uint8Array, start: number): ParquetFooter {
  const elements: SchemaElement[] = [];
  let rows = -1;
  let groupsPosition = -1;
  const problem = attempt(() => {
    new ThriftReader(bytes).struct({
      2: (reader, type) =>
        reader.list(type, (_, __, index) => {
          if (index >= MAX_ELEMENTS) throw new Error(`a schema of more than ${MAX_ELEMENTS} columns`);
          elements.push(readElement(reader));
        }),
      3: (reader) => void (rows = reader.int()),
      4: (reader, type) => {
        groupsPosition = reader.position;
        reader.skip(type);
      },
    });
  });
  if (problem !== undefined) throw file.error('damaged', `the footer is damaged (${problem})`, start);
  if (!Number.isSafeInteger(rows) || rows < 0 || groupsPosition < 0 || elements.length === 0) {
    throw file.error('damaged', 'the footer has no schema, no row groups or no number of rows', start);
  }
  const columns = columnsOf(file, elements, start);
  return {
    rows,
    columns,
    *rowGroups(leaves) {
      const reader = new ThriftReader(bytes, groupsPosition);
      const { length } = reader.listHeader();
      for (let group = 0; group < length; group++) yield readRowGroup(file, reader, leaves, start);
    },
  };
}

interface SchemaElement {
  type: number | undefined;
  typeLength: number;
  repetition: number;
  name: string;
  children: number;
  convertedType: number | undefined;
  logicalType: string | undefined;
}

/** Names of logical types by their number in the union. */
const LOGICAL_TYPES: Readonly<Record<number, string>> = {
  ...{ 1: 'text', 2: 'map', 3: 'list', 4: 'text', 5: 'decimal', 6: 'date', 7: 'time', 8: 'timestamp' },
  ...{ 11: 'null', 12: 'text', 13: 'bson', 14: 'uuid', 15: 'float16' },
};

/** Meanings of the older converted types. */
const CONVERTED_TYPES: readonly (string | undefined)[] = [
  ...['text', 'map', 'map', 'list', 'text', 'decimal', 'date', 'time', 'time', 'timestamp', 'timestamp'],
  ...['uint8', 'uint16', 'uint32', 'uint64', 'int8', 'int16', 'int32', 'int64', 'text', 'bson', 'interval'],
];

function readElement(reader: ThriftReader): SchemaElement {
  const element: SchemaElement = {
    ...{ type: undefined, typeLength: 0, repetition: 0, name: '', children: 0 },
    ...{ convertedType: undefined, logicalType: undefined },
  };
  reader.struct({
    1: () => void (element.type = reader.int()),
    2: () => void (element.typeLength = reader.int()),
    3: () => void (element.repetition = reader.int()),
    4: () => void (element.name = reader.string()),
    5: () => void (element.children = reader.int()),
    6: () => void (element.convertedType = reader.int()),
    10: () => {
      const named = Object.fromEntries(
        Object.entries(LOGICAL_TYPES).map(([number, name]) => [
          number,
          (_: ThriftReader, type: number) => {
            element.logicalType = name;
            reader.skip(type);
          },
        ]),
      );
      reader.struct({ ...named, 10: () => void (element.logicalType = readIntegerType(reader)) });
    },
  });
  return element;
}

function readIntegerType(reader: ThriftReader): string {
  let bits = 0;
  let isSigned = true;
  const BYTE = 3;
  reader.struct({
    1: (_, type) => {
      if (type !== BYTE) throw new Error('expected the width of an integer');
      bits = reader.byte();
    },
    2: (_, type) => void (isSigned = reader.boolean(type)),
  });
  return `${isSigned ? 'int' : 'uint'}${bits}`;
}

/** The columns of the table, from the tree of the schema in depth-first order. */
function columnsOf(file: InputFile, elements: readonly SchemaElement[], offset: number): readonly ParquetColumn[] {
  let next = 1; // the first element is the root
  let leafIndex = 0;

  const readNode = (leaves: ParquetLeaf[], definition: number, repetition: number, depth: number): string => {
    if (next >= elements.length || depth > MAX_DEPTH) throw file.error('damaged', 'the schema is no tree', offset);
    const element = elements[next++];
    const maxDefinition = definition + (element.repetition === 0 ? 0 : 1);
    const maxRepetition = repetition + (element.repetition === 2 ? 1 : 0);
    const meaning = element.logicalType ?? CONVERTED_TYPES[element.convertedType ?? -1];
    if (element.children > 0) {
      const inner: string[] = [];
      for (let i = 0; i < element.children; i++) inner.push(readNode(leaves, maxDefinition, maxRepetition, depth + 1));
      if (element.repetition === 2) return inner.length === 1 ? inner[0] : `struct<${inner.join(', ')}>`;
      return `${meaning ?? 'struct'}<${inner.join(', ')}>`;
    }
    const type = PHYSICAL_TYPES[element.type ?? -1];
    if (type === undefined) throw file.error('damaged', `a column of the unknown type ${element.type}`, offset);
    const { typeLength } = element;
    leaves.push({ index: leafIndex++, type, typeLength, meaning, maxDefinition, maxRepetition });
    return meaning === undefined ? type : `${type} (${meaning})`;
  };

  const columns: ParquetColumn[] = [];
  while (next < elements.length) {
    const { name } = elements[next];
    const leaves: ParquetLeaf[] = [];
    const typeName = readNode(leaves, 0, 0, 0);
    columns.push({ name, typeName, leaves });
  }
  return columns;
}

function readRowGroup(file: InputFile, reader: ThriftReader, leaves: readonly ParquetLeaf[], offset: number) {
  const chunks = new Map<number, ColumnChunk>();
  let rows = -1;
  const problem = attempt(() => {
    reader.struct({
      1: (_, type) =>
        reader.list(type, (__, element, index) => {
          if (leaves.some((leaf) => leaf.index === index)) chunks.set(index, readChunk(file, reader, offset));
          else reader.skip(element);
        }),
      3: () => void (rows = reader.int()),
    });
  });
  if (problem !== undefined) throw file.error('damaged', `the footer is damaged (${problem})`, offset);
  const wanted = leaves.map(({ index }) => chunks.get(index));
  if (!Number.isSafeInteger(rows) || rows < 0 || wanted.includes(undefined)) {
    throw file.error('damaged', 'a row group without its number of rows or with fewer columns than the schema', offset);
  }
  return { rows, chunks: wanted as readonly ColumnChunk[] };
}

function readChunk(file: InputFile, reader: ThriftReader, offset: number): ColumnChunk {
  let isElsewhere = false;
  const facts = { codec: -1, values: -1, bytes: -1, dataStart: -1, dictionaryStart: 0 };
  reader.struct({
    1: (_, type) => {
      isElsewhere = true;
      reader.skip(type);
    },
    3: () => {
      reader.struct({
        4: () => void (facts.codec = reader.int()),
        5: () => void (facts.values = reader.int()),
        7: () => void (facts.bytes = reader.int()),
        9: () => void (facts.dataStart = reader.int()),
        11: () => void (facts.dictionaryStart = reader.int()),
      });
    },
  });
  if (isElsewhere) throw file.error('unsupported', 'a column in another file', offset);
  const { codec, values, bytes, dataStart, dictionaryStart } = facts;
  const start = dictionaryStart > 0 ? Math.min(dictionaryStart, dataStart) : dataStart;
  if (!(values >= 0 && bytes >= 0 && start >= 4 && start + bytes <= offset)) {
    throw file.error('damaged', `a column of ${bytes} bytes at ${start}, which the file does not have`, offset);
  }
  return { codec, values, start, end: start + bytes };
}

/** The problem that `run` throws. Errors of the file pass. */
export function attempt(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (isError(error, 'FormatError')) throw error;
    return reasonOf(error);
  }
}
