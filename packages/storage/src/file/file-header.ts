import { crc32 } from 'node:zlib';
import { DTYPES, type Dtype, type VectorMatrix } from '@gearshift/contracts';
import { DTYPE_BYTES } from '@gearshift/contracts/internal';
import { sequenceOf } from '../control.js';
import { FileError } from './file-error.js';
import type { OpenFile } from './file-system.js';

/*
 * The beginning of a file of stored rows. docs/file-format.md describes every byte.
 */

export const HEADER_BYTES = 4096;
export const FORMAT_VERSION = 1;
/** Records begin on a multiple of this. */
export const RECORD_ALIGNMENT = 16;
/** The smallest page of memory; rows begin on a multiple of it. */
export const PAGE_BYTES = 4096;
/** Each block of this many bytes of the rows has a checksum. */
export const BLOCK_BYTES = 2 ** 20;

const MAGIC = Uint8Array.of(0x89, 0x47, 0x53, 0x48, 0x0d, 0x0a, 0x1a, 0x0a);
const BYTE_ORDER = 0x0102_0304;
const OTHER_BYTE_ORDER = 0x0403_0201;
const SECTIONS_AT = 64;
const SECTION_BYTES = 32;
const CHECKSUM_AT = HEADER_BYTES - 4;
const MOST_SECTIONS = Math.floor((CHECKSUM_AT - SECTIONS_AT) / SECTION_BYTES);
/** Row numbers have 32 bits, and the last one stands for a removed row. */
export const MOST_ROWS = 0xffff_fffe;
const MOST_VERSION = 2 ** 52;

/** Codes of the element types. */
const DTYPE_CODES: Readonly<Record<Dtype, number>> = { float32: 1, float16: 2, bfloat16: 3, int8: 4 };

export const SECTION = {
  rows: 1,
  /** A bitmap of the removed rows. */
  removed: 2,
  /** Checksums of the blocks of the rows. */
  blocks: 3,
  /** Reserved. */
  norms: 4,
  /** What a backend keeps of the rows beside them. */
  companion: 5,
} as const;
/** Sections that are understood; any other is skipped, or refused if it is required. */
const KNOWN: ReadonlySet<number> = new Set([SECTION.rows, SECTION.removed, SECTION.blocks, SECTION.companion]);

const FLAG_REQUIRED = 1;
const FLAG_CHECKSUM = 2;

export interface FileSection {
  readonly type: number;
  /** A reader that does not know the section refuses the file. */
  readonly isRequired: boolean;
  readonly offset: number;
  readonly byteLength: number;
  /** Of the whole section; undefined if it has none. */
  readonly checksum: number | undefined;
}

export interface FileHeader {
  readonly dtype: Dtype;
  /** Of int8. */
  readonly scale: number | undefined;
  readonly dimensions: number;
  /** Rows and version without the changes that follow the sections. */
  readonly rows: number;
  readonly version: number;
  /** Where the changes begin: the end of the sections. */
  readonly changesOffset: number;
  /** A random number that the records of this file repeat. */
  readonly tag: number;
  readonly sections: readonly FileSection[];
  /** One of the sections. */
  readonly rowSection: FileSection;
}

export function bytesPerRowOf({ dtype = 'float32', dimensions }: Pick<VectorMatrix, 'dtype' | 'dimensions'>): number {
  return dimensions * DTYPE_BYTES[dtype];
}

export function findSection({ sections }: FileHeader, type: number): FileSection | undefined {
  return sections.find((section) => section.type === type);
}

export function encodeHeader(header: FileHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, BYTE_ORDER, true);
  view.setUint32(16, DTYPE_CODES[header.dtype], true);
  view.setUint32(20, header.dimensions, true);
  setInteger(view, 24, header.rows);
  setInteger(view, 32, header.version);
  setInteger(view, 40, header.changesOffset);
  view.setUint32(48, header.tag, true);
  view.setUint32(52, header.sections.length, true);
  if (header.dtype === 'int8') view.setFloat32(56, header.scale ?? 1, true);
  header.sections.forEach((section, i) => {
    const at = SECTIONS_AT + i * SECTION_BYTES;
    const flags = (section.isRequired ? FLAG_REQUIRED : 0) | (section.checksum === undefined ? 0 : FLAG_CHECKSUM);
    view.setUint32(at, section.type, true);
    view.setUint32(at + 4, flags, true);
    setInteger(view, at + 8, section.offset);
    setInteger(view, at + 16, section.byteLength);
    view.setUint32(at + 24, section.checksum ?? 0, true);
  });
  view.setUint32(CHECKSUM_AT, crc32(bytes.subarray(0, CHECKSUM_AT)), true);
  return bytes;
}

/** @throws FileError for anything but the header of a file that this package can read */
export async function readHeader(file: OpenFile, path: string, byteLength: number): Promise<FileHeader> {
  const bytes = new Uint8Array(HEADER_BYTES);
  const length = await file.read(bytes, 0);
  const view = new DataView(bytes.buffer);
  const magic = MAGIC.findIndex((byte, i) => i >= length || bytes[i] !== byte);
  if (magic >= 0) throw new FileError('foreign', path, 'expected a file that save() made', { offset: magic });
  if (length < HEADER_BYTES) throw truncatedError(path, HEADER_BYTES, length);
  // The first 12 bytes are the same in all versions of the format; a later version may mean anything by the others.
  const formatVersion = view.getUint32(8, true);
  const decode = DECODERS[formatVersion];
  if (decode === undefined) {
    const problem = `expected a format version up to ${FORMAT_VERSION}, got ${formatVersion}; a newer version of this package reads it`;
    throw new FileError('unsupported', path, problem, { offset: 8 });
  }
  return decode(view, path, byteLength);
}

/** A reader for each version of the format, so that older files stay readable. */
const DECODERS: Readonly<
  Record<number, ((view: DataView, path: string, byteLength: number) => FileHeader) | undefined>
> = {
  1: decodeVersion1,
};

function decodeVersion1(view: DataView, path: string, byteLength: number): FileHeader {
  const fail = (offset: number, problem: string) => new FileError('damaged', path, problem, { offset });
  const order = view.getUint32(12, true);
  if (order === OTHER_BYTE_ORDER) {
    throw new FileError('unsupported', path, 'expected little-endian numbers, got big-endian ones', { offset: 12 });
  }
  const checksum = crc32(new Uint8Array(view.buffer, 0, CHECKSUM_AT));
  if (checksum !== view.getUint32(CHECKSUM_AT, true)) throw fail(CHECKSUM_AT, 'the checksum of the header is wrong');
  // From here on a wrong number was written on purpose or by another program.
  if (order !== BYTE_ORDER) throw fail(12, 'the mark of the byte order is wrong');
  const code = view.getUint32(16, true);
  const dtype = DTYPES.find((type) => DTYPE_CODES[type] === code);
  if (dtype === undefined) {
    const problem = `expected a known type of elements, got ${code}; a newer version of this package may read it`;
    throw new FileError('unsupported', path, problem, { offset: 16 });
  }
  const scale = dtype === 'int8' ? view.getFloat32(56, true) : undefined;
  if (scale !== undefined && !isScale(scale)) throw fail(56, `expected a positive scale, got ${scale}`);
  const dimensions = view.getUint32(20, true);
  if (dimensions === 0) throw fail(20, 'expected at least 1 dimension, got 0');
  const rows = getInteger(view, 24);
  if (rows > MOST_ROWS) throw fail(24, `expected at most ${MOST_ROWS} rows, got ${rows}`);
  const version = getInteger(view, 32);
  if (!isVersion(version)) throw fail(32, `expected a version of a matrix, got ${version}`);
  const changesOffset = getInteger(view, 40);
  if (changesOffset % RECORD_ALIGNMENT !== 0 || changesOffset < HEADER_BYTES) {
    throw fail(40, `expected an offset of changes that is a multiple of ${RECORD_ALIGNMENT}, got ${changesOffset}`);
  }
  if (changesOffset > byteLength) throw truncatedError(path, changesOffset, byteLength);
  const sections = decodeSections(view, changesOffset, path);
  const rowSection = sections.find(({ type }) => type === SECTION.rows);
  if (rowSection === undefined) throw fail(52, 'expected a section of rows, got none');
  const header = {
    dtype,
    scale,
    dimensions,
    rows,
    version,
    changesOffset,
    tag: view.getUint32(48, true),
    sections,
    rowSection,
  };
  checkLength(header, SECTION.rows, rows * bytesPerRowOf(header), path);
  checkLength(header, SECTION.removed, Math.ceil(rows / 32) * 4, path);
  checkLength(header, SECTION.blocks, Math.ceil((rows * bytesPerRowOf(header)) / BLOCK_BYTES) * 4, path);
  if (rowSection.offset % PAGE_BYTES !== 0) {
    throw fail(SECTIONS_AT, `expected rows at a multiple of ${PAGE_BYTES} bytes, got ${rowSection.offset}`);
  }
  return header;
}

function decodeSections(view: DataView, end: number, path: string): readonly FileSection[] {
  const fail = (offset: number, problem: string) => new FileError('damaged', path, problem, { offset });
  const count = view.getUint32(52, true);
  if (count > MOST_SECTIONS) throw fail(52, `expected at most ${MOST_SECTIONS} sections, got ${count}`);
  const seen = new Set<number>();
  return Array.from({ length: count }, (_, i) => {
    const at = SECTIONS_AT + i * SECTION_BYTES;
    const type = view.getUint32(at, true);
    const flags = view.getUint32(at + 4, true);
    const offset = getInteger(view, at + 8);
    const byteLength = getInteger(view, at + 16);
    const isRequired = (flags & FLAG_REQUIRED) !== 0;
    if (offset < HEADER_BYTES || offset + byteLength > end) {
      throw fail(at + 8, `expected a section between bytes ${HEADER_BYTES} and ${end}, got ${offset} + ${byteLength}`);
    }
    if (isRequired && !KNOWN.has(type)) {
      const problem = `this version of the package does not know the section ${type}, without which the file cannot be read`;
      throw new FileError('unsupported', path, problem, { offset: at });
    }
    if (KNOWN.has(type) && seen.has(type)) throw fail(at, `expected one section ${type}, got two`);
    seen.add(type);
    const checksum = (flags & FLAG_CHECKSUM) === 0 ? undefined : view.getUint32(at + 24, true);
    return { type, isRequired, offset, byteLength, checksum };
  });
}

function checkLength(header: FileHeader, type: number, byteLength: number, path: string): void {
  const section = findSection(header, type);
  if (section === undefined || section.byteLength === byteLength) return;
  const at = SECTIONS_AT + header.sections.indexOf(section) * SECTION_BYTES + 16;
  const problem = `expected a section ${type} of ${byteLength} bytes, got ${section.byteLength}`;
  throw new FileError('damaged', path, problem, { offset: at });
}

function truncatedError(path: string, expected: number, got: number): FileError {
  const problem = `the file is cut short: expected at least ${expected} bytes, got ${got}`;
  return new FileError('truncated', path, problem, { offset: got });
}

/** What a multiplication in float32 neither loses nor makes infinite. */
function isScale(scale: number): boolean {
  return scale >= 2 ** -126 && scale < Infinity;
}

/** Versions count from 1; those with a sequence of 0 are left out. */
export function isVersion(version: number): boolean {
  return version >= 1 && version <= MOST_VERSION && sequenceOf(version) !== 0;
}

export function setInteger(view: DataView, offset: number, value: number): void {
  view.setBigUint64(offset, BigInt(value), true);
}

/** An unsigned integer of 64 bits. Those past 2^53 lose digits, and are out of every range that is checked. */
export function getInteger(view: DataView, offset: number): number {
  return Number(view.getBigUint64(offset, true));
}

export function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
