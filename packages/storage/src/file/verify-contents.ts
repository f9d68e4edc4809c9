import { crc32 } from 'node:zlib';
import { BLOCK_BYTES, findSection, SECTION, type FileHeader, type FileSection } from './file-header.js';
import { FileError } from './file-error.js';
import type { OpenFile } from './file-system.js';
import { throwIfAborted } from './save-matrix.js';

/**
 * Compares the checksums of all sections. Changes have their own, which every opening compares.
 *
 * @throws FileError of the kind `'damaged'` that names the block
 */
export async function verifyContents(
  file: OpenFile,
  header: FileHeader,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const block = new Uint8Array(BLOCK_BYTES);
  for (const section of header.sections) {
    if (section.checksum === undefined) continue;
    let checksum = 0;
    for await (const bytes of blocksOf(file, section, block, signal)) checksum = crc32(bytes, checksum);
    if (checksum !== section.checksum) throw sectionError(path, section);
  }
  const blocks = findSection(header, SECTION.blocks);
  if (blocks === undefined) return;
  const checksums = new Uint8Array(blocks.byteLength);
  await checkSection(file, blocks, checksums, path);
  const view = new DataView(checksums.buffer);
  const rows = header.rowSection;
  let index = 0;
  for await (const bytes of blocksOf(file, rows, block, signal)) {
    if (crc32(bytes) !== view.getUint32(4 * index, true)) {
      const offset = rows.offset + index * BLOCK_BYTES;
      throw new FileError('damaged', path, `the checksum of block ${index} of the rows is wrong`, { offset });
    }
    index += 1;
  }
}

/** Reads a section into `target` and compares its checksum. */
export async function checkSection(
  file: OpenFile,
  section: FileSection,
  target: Uint8Array,
  path: string,
): Promise<void> {
  const read = await file.read(target, section.offset);
  if (read < target.length || (section.checksum !== undefined && crc32(target) !== section.checksum)) {
    throw sectionError(path, section);
  }
}

async function* blocksOf(
  file: OpenFile,
  { offset, byteLength }: FileSection,
  block: Uint8Array,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < byteLength; done += block.length) {
    throwIfAborted(signal);
    const piece = block.subarray(0, Math.min(block.length, byteLength - done));
    const read = await file.read(piece, offset + done);
    yield piece.subarray(0, read);
  }
}

function sectionError(path: string, { type, offset }: FileSection): FileError {
  return new FileError('damaged', path, `the checksum of section ${type} is wrong`, { offset });
}
