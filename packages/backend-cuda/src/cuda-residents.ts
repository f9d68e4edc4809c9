import { setImmediate } from 'node:timers/promises';
import type { Operand, VectorMatrix } from '@gearshift/contracts';
import { own } from '@gearshift/contracts/internal';
import {
  ADDON_STATUS,
  copyIdOf,
  DTYPE_CODES,
  formatOf,
  isMatrix,
  ResidentOperands,
  shapeOf,
  type Failure,
} from '@gearshift/native-kit';
import { COMPANION_CODES, type CudaAddon } from './addon.js';
import type { CudaFailures } from './cuda-failures.js';

/** The longest time that a piece of an upload may block the event loop. */
const SLICE_MS = 8;

/** Copies on a device. When memory for a new copy is short, the least recently used ones are released. */
export class CudaResidents extends ResidentOperands {
  readonly #addon: CudaAddon;
  readonly #device: number;
  readonly #failures: CudaFailures;

  constructor(addon: CudaAddon, device: number, failures: CudaFailures) {
    super(addon, failures);
    this.#addon = addon;
    this.#device = device;
    this.#failures = failures;
  }

  protected override open(operand: Operand): number | Failure {
    for (;;) {
      const handle = this.#openOnce(operand);
      if (handle > 0) return handle;
      const failure = this.#failures.ofStatus(this.#addon, handle, this.#freeBytes);
      if (handle !== ADDON_STATUS.outOfMemory || !this.#makeRoom(copyBytes(operand))) return failure;
    }
  }

  override async fill(operand: Operand, handle: number, signal: AbortSignal | undefined): Promise<Failure | undefined> {
    const addon = this.#addon;
    for (;;) {
      if (signal?.aborted === true) return this.#failures.aborted();
      const status = isMatrix(operand)
        ? addon.fillMatrix(handle, operand.values, SLICE_MS)
        : addon.fillGraph(handle, operand.rowPointers, operand.columns, operand.weights, SLICE_MS);
      if (status < 0) return this.#failures.ofStatus(addon, status, this.#freeBytes);
      if (status > 0) return this.#finish(operand, handle);
      await setImmediate();
    }
  }

  protected override updateCopy(handle: number, operand: VectorMatrix): number | undefined {
    const missing = this.missingRows(operand);
    if (missing === undefined) return undefined;
    return this.#addon.updateMatrix(handle, operand.version, missing.start, missing.end) === 1 ? handle : undefined;
  }

  /**
   * Rows of a stored matrix may have changed while they were read, so that the copy is that of no version. Its old contents
   * are known row by row only; the request runs on another device instead. The copy is checked before any thread can use it:
   * others may wait for it, and the next of them fills it anew.
   */
  #finish(operand: Operand, handle: number): Failure | undefined {
    if (!isMatrix(operand)) return undefined;
    if (own(operand, 'snapshot')?.isIntact(0, operand.rows) === false) {
      return this.#failures.of('stale', 'rows of the matrix changed while they were sent to the device');
    }
    this.#addon.markReady(handle);
    return undefined;
  }

  /** Releases one copy; false when there is none, or when releasing all of them would not be enough. */
  #makeRoom(wantedBytes: number): boolean {
    return (this.#freeBytes() ?? 0) + this.heldBytes() >= wantedBytes && this.dropOldest();
  }

  readonly #freeBytes = (): number | null => {
    const numbers = new Float64Array(2);
    return this.#addon.readMemory(this.#device, numbers) < 0 ? null : numbers[0];
  };

  #openOnce(operand: Operand): number {
    const [first, second] = shapeOf(operand);
    const { dtype, scale } = formatOf(operand);
    return isMatrix(operand)
      ? this.#addon.openMatrix(
          this.#device,
          operand.id,
          operand.version,
          first,
          second,
          COMPANION_CODES[operand.companion ?? 'auto'],
          DTYPE_CODES[dtype],
          scale,
        )
      : this.#addon.openGraph(this.#device, copyIdOf(operand), operand.version, first, second);
  }
}

/** Bytes of a copy on the device: rows of any type are float32 there, padded to 16 bytes, and have a norm each. */
export function copyBytes(operand: Operand): number {
  const [first, second] = shapeOf(operand);
  return isMatrix(operand) ? first * (Math.ceil(second / 4) * 16 + 4) : (first + 1) * 4 + second * 8;
}
