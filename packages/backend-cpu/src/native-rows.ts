import { fstatSync } from 'node:fs';
import type { NativeRows, StoredRows } from '@gearshift/contracts';
import type { CpuAddon } from './addon.js';
import { loadAddon } from './native.js';
import { storedMemory } from './stored-arrays.js';

/** What the system calls an argument that it does not accept (EINVAL). */
const INVALID_ARGUMENT = 22;

/**
 * What the addon of the CPU does for stored matrices; undefined without the addon.
 *
 * @throws AddonPathError when `GEARSHIFT_CPU_ADDON` names a file that is not this addon
 */
export function nativeRows(): NativeRows | undefined {
  const { addon } = loadAddon();
  return addon === null ? undefined : new AddonRows(addon);
}

class AddonRows implements NativeRows {
  readonly #addon: CpuAddon;
  readonly #pageBytes: number;

  constructor(addon: CpuAddon) {
    this.#addon = addon;
    this.#pageBytes = addon.pageSize();
  }

  adviseHugePages(bytes: Uint8Array): void {
    this.#addon.adviseHugePages(bytes);
  }

  dropPages(bytes: Uint8Array): void {
    // Elsewhere than in a growable buffer, the first and the last page may have other contents.
    this.#addon.dropPages(bytes, this.#hasWholePages(bytes) ? 1 : 0);
  }

  mapFile(bytes: Uint8Array, fileDescriptor: number, fileOffset: number): number {
    // A read behind the end of the file would end the process.
    const isInFile = fileOffset >= 0 && fileOffset + bytes.byteLength <= fstatSync(fileDescriptor).size;
    const isOnPages = fileOffset % this.#pageBytes === 0 && this.#hasWholePages(bytes);
    return isInFile && isOnPages ? this.#addon.mapFile(bytes, fileDescriptor, fileOffset) : INVALID_ARGUMENT;
  }

  append(memory: StoredRows, rows: Uint8Array): number {
    return this.#addon.appendRows(...storedMemory(memory), rows);
  }

  update(memory: StoredRows, start: number, rows: Uint8Array): number {
    return this.#addon.updateRows(...storedMemory(memory), start, rows);
  }

  remove(memory: StoredRows, rows: Uint32Array): number {
    return this.#addon.removeRows(...storedMemory(memory), rows);
  }

  guardPin(control: Int32Array, index: number): number {
    const guard = this.#addon.guardPin(control, index);
    if (guard === 0) throw new RangeError('control: there was not enough memory to guard a pin');
    return guard;
  }

  forgetPin(guard: number): void {
    this.#addon.forgetPin(guard);
  }

  /** Whether the memory is that of pages which belong to one buffer: only growable ones begin on a page for certain. */
  #hasWholePages({ buffer, byteOffset, byteLength }: Uint8Array): boolean {
    const end = byteOffset + byteLength;
    return (
      (buffer as { growable?: boolean }).growable === true &&
      byteOffset % this.#pageBytes === 0 &&
      (end % this.#pageBytes === 0 || end === buffer.byteLength)
    );
  }
}
