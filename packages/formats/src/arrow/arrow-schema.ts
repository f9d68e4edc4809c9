import type { ElementType } from '../elements/element-type.js';
import type { InputFile } from '../files/input-file.js';
import type { FlatTable } from './flat-table.js';

/** How a column is stored: the number of its own buffers, and what this package needs to know of its type. */
export interface ArrowField {
  readonly name: string;
  /** For people, such as `FixedSizeList<Float>[384]`. */
  readonly typeName: string;
  readonly layout: ArrowLayout;
  /** Number of own buffers, without those of the children and without the variadic ones of a view. */
  readonly ownBuffers: number;
  readonly children: readonly ArrowField[];
  /** Set if the values are indices into a dictionary. `layout` is then that of the indices, and these are the values. */
  readonly dictionary: { readonly id: number; readonly values: ArrowField } | undefined;
}

export type ArrowLayout =
  | { readonly kind: 'integer'; readonly bits: 8 | 16 | 32 | 64; readonly isSigned: boolean }
  | { readonly kind: 'float'; readonly bits: 16 | 32 | 64 }
  | { readonly kind: 'bool' }
  | { readonly kind: 'utf8'; readonly offsetBytes: 4 | 8 }
  | { readonly kind: 'view'; readonly isText: boolean }
  | { readonly kind: 'list'; readonly offsetBytes: 4 | 8 }
  | { readonly kind: 'fixed-list'; readonly size: number }
  | { readonly kind: 'other' };

const MAX_FIELDS = 65_536;
const MAX_DEPTH = 64;

/** Names by the number of the type in Schema.fbs, and the number of own buffers. */
const TYPES: readonly (readonly [name: string, buffers: number])[] = [
  ['None', 0],
  ['Null', 0],
  ['Int', 2],
  ['Float', 2],
  ['Binary', 3],
  ['Utf8', 3],
  ['Bool', 2],
  ['Decimal', 2],
  ['Date', 2],
  ['Time', 2],
  ['Timestamp', 2],
  ['Interval', 2],
  ['List', 2],
  ['Struct', 1],
  ['Union', 1],
  ['FixedSizeBinary', 2],
  ['FixedSizeList', 1],
  ['Map', 2],
  ['Duration', 2],
  ['LargeBinary', 3],
  ['LargeUtf8', 3],
  ['LargeList', 2],
  ['RunEndEncoded', 0],
  ['BinaryView', 2],
  ['Utf8View', 2],
  ['ListView', 3],
  ['LargeListView', 3],
];

/** Reads the columns of a schema message. */
export function readArrowSchema(file: InputFile, schema: FlatTable, offset: number): readonly ArrowField[] {
  if (schema.int16(0, 0) !== 0)
    throw file.error('unsupported', 'big-endian Arrow data, expected little-endian', offset);
  const budget = { left: MAX_FIELDS };
  return schema.tables(1).map((field) => readField(file, field, offset, budget, 0));
}

function readField(
  file: InputFile,
  field: FlatTable,
  offset: number,
  budget: { left: number },
  depth: number,
): ArrowField {
  // Fields of a damaged file can contain each other.
  budget.left -= 1;
  if (budget.left < 0 || depth > MAX_DEPTH) throw file.error('too-large', 'a schema with too many fields', offset);
  const children = field.tables(5).map((child) => readField(file, child, offset, budget, depth + 1));
  const number = field.int8(2, 0);
  const type = field.table(3);
  if (!(number in TYPES)) throw file.error('unsupported', `a column of the unknown type ${number}`, offset);
  const [typeName, buffers] = TYPES[number];
  const layout = layoutOf(typeName, type);
  const child = children.length === 1 && typeName.includes('List') ? `<${children[0].typeName}>` : '';
  const own: ArrowField = {
    name: field.string(0),
    typeName: `${describeType(typeName, layout)}${child}${layout.kind === 'fixed-list' ? `[${layout.size}]` : ''}`,
    layout,
    // A dense union has offsets beside its types.
    ownBuffers: typeName === 'Union' && type?.int16(0, 0) === 1 ? 2 : buffers,
    children,
    dictionary: undefined,
  };
  if ((layout.kind === 'list' || layout.kind === 'fixed-list') && children.length !== 1) {
    throw file.error('damaged', `a ${typeName} with ${children.length} children, expected one`, offset);
  }
  const encoding = field.table(4);
  if (encoding === undefined) return own;
  const indexType = encoding.table(1);
  const indices: ArrowLayout =
    indexType === undefined ? { kind: 'integer', bits: 32, isSigned: true } : layoutOf('Int', indexType);
  return {
    ...own,
    typeName: `Dictionary<${own.typeName}>`,
    layout: indices,
    ownBuffers: 2,
    children: [],
    dictionary: { id: encoding.int64(0, 0), values: own },
  };
}

function layoutOf(typeName: string, type: FlatTable | undefined): ArrowLayout {
  switch (typeName) {
    case 'Int': {
      const bits = type?.int32(0, 0);
      if (bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64) return { kind: 'other' };
      return { kind: 'integer', bits, isSigned: type?.int8(1, 0) === 1 };
    }
    case 'Float': {
      const bits = ([16, 32, 64] as const)[type?.int16(0, 0) ?? 0];
      return bits === undefined ? { kind: 'other' } : { kind: 'float', bits };
    }
    case 'Bool':
      return { kind: 'bool' };
    case 'Utf8':
    case 'LargeUtf8':
      return { kind: 'utf8', offsetBytes: typeName === 'Utf8' ? 4 : 8 };
    case 'Utf8View':
    case 'BinaryView':
      return { kind: 'view', isText: typeName === 'Utf8View' };
    case 'List':
    case 'LargeList':
      return { kind: 'list', offsetBytes: typeName === 'List' ? 4 : 8 };
    case 'FixedSizeList':
      return { kind: 'fixed-list', size: type?.int32(0, 0) ?? 0 };
    default:
      return { kind: 'other' };
  }
}

function describeType(typeName: string, layout: ArrowLayout): string {
  if (layout.kind === 'integer') return `${layout.isSigned ? 'Int' : 'UInt'}${layout.bits}`;
  return layout.kind === 'float' ? `Float${layout.bits}` : typeName;
}

/** The element type of a column of vectors, or undefined if the column has none. */
export function vectorType({ layout, children }: ArrowField): ElementType | undefined {
  if (layout.kind !== 'list' && layout.kind !== 'fixed-list') return undefined;
  const [{ layout: element, dictionary }] = children;
  if (dictionary !== undefined) return undefined;
  if (element.kind === 'float') return `float${element.bits}` as const;
  if (element.kind === 'integer' && element.bits === 8) return element.isSigned ? 'int8' : 'uint8';
  return element.kind === 'integer' && element.bits === 32 && element.isSigned ? 'int32' : undefined;
}
