import { crc32 } from 'node:zlib';
import {
  COMPANION_PADDING_BYTES,
  type CompanionSource,
  type NativeRows,
  type StoredCompanion,
} from '@gearshift/contracts';
import { createFixed } from '../shared-memory.js';
import {
  alignUp,
  findSection,
  getInteger,
  SECTION,
  setInteger,
  type FileHeader,
  type FileSection,
} from './file-header.js';
import type { OpenFile } from './file-system.js';
import { LARGE_PAGE_BYTES } from './page-bytes.js';

/*
 * The section with what a backend keeps of the rows beside them. docs/file-format.md describes every byte. The rows are complete
 * without it, so that a reader leaves out a companion that it cannot use, and whatever is wrong with one.
 */

const LAYOUT = 1;
const PIECE_BYTES = 2 ** 20;
/** Layout, number of parts, rows, checksum of the checksums of blocks, bytes of the description. */
const FIELDS_BYTES = 24;
const MOST_PARTS = 16;
const MOST_DESCRIPTION_BYTES = 2 ** 16;
const MOST_BYTES_PER_ROW = 2 ** 16;

/** Where a section has what. */
interface CompanionSection {
  readonly description: Uint8Array;
  readonly parts: readonly { readonly offset: number; readonly bytesPerRow: number }[];
}

/**
 * Writes the section behind `end`.
 *
 * @returns undefined when the companion has gone meanwhile; what was written is the caller's to cut off
 */
export async function writeCompanion(
  file: OpenFile,
  source: CompanionSource,
  rows: number,
  end: number,
  blocksChecksum: number,
  checkAbort: () => void,
): Promise<FileSection | undefined> {
  const offset = alignUp(end, LARGE_PAGE_BYTES);
  const writer = new SectionWriter(file, offset);
  await writer.write(encodeHead(source, rows, blocksChecksum));
  const piece = new Uint8Array(PIECE_BYTES);
  for (const [part, bytesPerRow] of source.bytesPerRow.entries()) {
    await writer.align();
    const pieceRows = Math.floor(PIECE_BYTES / bytesPerRow);
    for (let start = 0; start < rows; start += pieceRows) {
      checkAbort();
      const bytes = piece.subarray(0, Math.min(pieceRows, rows - start) * bytesPerRow);
      if (!source.read(part, start, bytes)) return undefined;
      await writer.write(bytes);
    }
  }
  await writer.align();
  const { byteLength, checksum } = writer;
  return { type: SECTION.companion, isRequired: false, offset, byteLength, checksum };
}

function encodeHead({ description, bytesPerRow }: CompanionSource, rows: number, blocksChecksum: number): Uint8Array {
  const descriptionAt = FIELDS_BYTES + 4 * bytesPerRow.length;
  const bytes = new Uint8Array(descriptionAt + description.length + 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, LAYOUT, true);
  view.setUint32(4, bytesPerRow.length, true);
  setInteger(view, 8, rows);
  view.setUint32(16, blocksChecksum, true);
  view.setUint32(20, description.length, true);
  bytesPerRow.forEach((count, i) => view.setUint32(FIELDS_BYTES + 4 * i, count, true));
  bytes.set(description, descriptionAt);
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  return bytes;
}

/** The companion of a file; undefined if there is none that is of these rows. */
async function readCompanion(file: OpenFile, header: FileHeader): Promise<CompanionSection | undefined> {
  const section = findSection(header, SECTION.companion);
  if (section === undefined || section.offset % LARGE_PAGE_BYTES !== 0) return undefined;
  const fields = new DataView(new ArrayBuffer(FIELDS_BYTES));
  if ((await file.read(new Uint8Array(fields.buffer), section.offset)) < FIELDS_BYTES) return undefined;
  const partCount = fields.getUint32(4, true);
  const descriptionBytes = fields.getUint32(20, true);
  const isKnown = fields.getUint32(0, true) === LAYOUT && partCount >= 1 && partCount <= MOST_PARTS;
  if (!isKnown || descriptionBytes > MOST_DESCRIPTION_BYTES) return undefined;
  const descriptionAt = FIELDS_BYTES + 4 * partCount;
  const bytes = new Uint8Array(descriptionAt + descriptionBytes + 4);
  const view = new DataView(bytes.buffer);
  if ((await file.read(bytes, section.offset)) < bytes.length) return undefined;
  if (view.getUint32(bytes.length - 4, true) !== crc32(bytes.subarray(0, -4))) return undefined;
  if (getInteger(view, 8) !== header.rows) return undefined;
  // Another program may have written other rows and left the companion as it was.
  if (view.getUint32(16, true) !== findSection(header, SECTION.blocks)?.checksum) return undefined;
  let offset = alignUp(section.offset + bytes.length, LARGE_PAGE_BYTES);
  const parts = Array.from({ length: partCount }, (_, i) => {
    const part = { offset, bytesPerRow: view.getUint32(FIELDS_BYTES + 4 * i, true) };
    offset = alignUp(offset + header.rows * part.bytesPerRow, LARGE_PAGE_BYTES);
    return part;
  });
  const areSizes = parts.every(({ bytesPerRow }) => bytesPerRow >= 1 && bytesPerRow <= MOST_BYTES_PER_ROW);
  if (!areSizes || offset !== section.offset + section.byteLength) return undefined;
  return { description: bytes.slice(descriptionAt, descriptionAt + descriptionBytes), parts };
}

/**
 * The companion of a file in memory, mapped if possible.
 *
 * @param capacity rows that there is to be room for
 */
export async function loadCompanion(
  file: OpenFile,
  header: FileHeader,
  capacity: number,
  native: NativeRows,
  mode: 'map' | 'copy',
  checkAbort: () => void,
): Promise<StoredCompanion | undefined> {
  const section = await readCompanion(file, header);
  if (section === undefined) return undefined;
  const { version, rows } = header;
  const offsets: number[] = [];
  let byteLength = 0;
  for (const { bytesPerRow } of section.parts) {
    offsets.push(byteLength);
    byteLength = alignUp(byteLength + capacity * bytesPerRow + COMPANION_PADDING_BYTES, LARGE_PAGE_BYTES);
  }
  let memory: SharedArrayBuffer;
  try {
    memory = createFixed('companion', byteLength, mode === 'copy' ? native : undefined);
  } catch {
    return undefined;
  }
  for (const [i, { offset, bytesPerRow }] of section.parts.entries()) {
    const partBytes = rows * bytesPerRow;
    if (partBytes === 0) continue;
    const pages = new Uint8Array(memory, offsets[i], alignUp(partBytes, LARGE_PAGE_BYTES));
    if (mode === 'map' && memory.growable && native.mapFile(pages, file.descriptor, offset) === 0) continue;
    for (let done = 0; done < partBytes; done += PIECE_BYTES) {
      checkAbort();
      const piece = pages.subarray(done, Math.min(partBytes, done + PIECE_BYTES));
      if ((await file.read(piece, offset + done)) < piece.length) return undefined;
    }
  }
  return { description: section.description, version, rows, offsets, capacity, memory };
}

/** Writes bytes one behind the other, with their checksum. */
class SectionWriter {
  checksum = 0;
  readonly #file: OpenFile;
  readonly #offset: number;
  byteLength = 0;

  constructor(file: OpenFile, offset: number) {
    this.#file = file;
    this.#offset = offset;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#file.write(bytes, this.#offset + this.byteLength);
    this.checksum = crc32(bytes, this.checksum);
    this.byteLength += bytes.length;
  }

  /** Zeros up to where a part may begin. */
  async align(): Promise<void> {
    const gap = alignUp(this.byteLength, LARGE_PAGE_BYTES) - this.byteLength;
    if (gap > 0) await this.write(new Uint8Array(gap));
  }
}
