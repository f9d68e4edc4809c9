import type { Elements } from '@gearshift/contracts';
import { ADDON_STATUS } from '@gearshift/native-kit';
import { STEP_DONE, STEP_MORE, type SlicedWork } from '../sliced-work.js';

/** The longest time that a slice may block the event loop. Shorter work ends in its first slice without yielding. */
const SLICE_MS = 4;
/** Multiplications or similar steps between two clock readings: well below a millisecond. */
export const OPERATIONS_PER_STRIDE = 100_000;
/** Cost of a score or node besides its elements, in the same unit. */
export const OPERATIONS_PER_ENTRY = 16;

/** Work in strides of bounded cost. A single row or node is never split. */
export interface Strides {
  /** Does one stride; true when all is done. */
  advance(): boolean;
}

type Borrowed = Elements | Uint32Array;

export interface BorrowedMemory {
  readonly inputs: readonly Borrowed[];
  readonly outputs: readonly Borrowed[];
}

/** Runs strides in slices of bounded time. Checks between two slices whether the caller's memory was detached. */
export class TimeSliced implements SlicedWork {
  readonly #strides: Strides;
  readonly #inputs: readonly Loan[];
  readonly #outputs: readonly Loan[];

  constructor(strides: Strides, { inputs, outputs }: BorrowedMemory) {
    this.#strides = strides;
    this.#inputs = inputs.map(lend);
    this.#outputs = outputs.map(lend);
  }

  step(): number {
    if (this.#inputs.some(isGone)) return ADDON_STATUS.inputGone;
    if (this.#outputs.some(isGone)) return ADDON_STATUS.outputGone;
    const endMs = performance.now() + SLICE_MS;
    do {
      if (this.#strides.advance()) return STEP_DONE;
    } while (performance.now() < endMs);
    return STEP_MORE;
  }
}

interface Loan {
  readonly array: Borrowed;
  readonly bytes: number;
}

function lend(array: Borrowed): Loan {
  return { array, bytes: array.byteLength };
}

/**
 * A view of a buffer that was transferred, or that shrank below it, is empty. Compares bytes, because the length of a detached
 * view can be wrong in V8 11.3.
 */
function isGone({ array, bytes }: Loan): boolean {
  return array.byteLength !== bytes;
}
