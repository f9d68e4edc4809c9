import { closeSync, openSync, readSync } from 'node:fs';

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
/** Type of the program header that names the dynamic loader. */
const PT_INTERP = 3;
/** ELF, 64 bits, little-endian: every Linux that Node.js supports except s390x, which has no addon. */
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);

/**
 * The C library of this process, because an addon built for one does not load on the other. `null` outside Linux.
 *
 * The program file names its dynamic loader. Files in /lib are no evidence, because a system may have both libraries, and
 * Node's diagnostic report takes about 20 times as long.
 */
export function detectLibc(program: string = process.execPath): 'gnu' | 'musl' | null {
  if (process.platform !== 'linux') return null;
  return readLoader(program).includes('ld-musl') ? 'musl' : 'gnu';
}

/** Path of the dynamic loader that a program names; empty where it names none or cannot be read. */
function readLoader(program: string): string {
  let file: number | undefined;
  try {
    file = openSync(program, 'r');
    const header = readAt(file, 0, HEADER_BYTES);
    if (!header.subarray(0, MAGIC.length).equals(MAGIC)) return '';
    const start = Number(header.readBigUInt64LE(32));
    const count = header.readUInt16LE(56);
    for (let i = 0; i < count; i++) {
      const entry = readAt(file, start + i * PROGRAM_HEADER_BYTES, PROGRAM_HEADER_BYTES);
      if (entry.readUInt32LE(0) !== PT_INTERP) continue;
      return readAt(file, Number(entry.readBigUInt64LE(8)), Number(entry.readBigUInt64LE(32))).toString('latin1');
    }
    return '';
  } catch {
    return '';
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function readAt(file: number, position: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(Math.min(bytes, 4096));
  return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, position));
}
