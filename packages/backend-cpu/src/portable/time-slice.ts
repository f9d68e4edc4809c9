import { ADDON_STATUS } from '@gearshift/native-kit';
import { STEP_DONE, STEP_MORE, type SlicedWork } from '../sliced-work.js';

/** How long the event loop may be held up. Work below it ends in its first slice, without giving up the thread. */
const SLICE_MS = 4;
/** Multiplications, or the like, between two looks at the clock: well below a millisecond. */
export const OPERATIONS_PER_STRIDE = 100_000;
/** What a score or node costs besides its elements, in the same currency. */
export const OPERATIONS_PER_ENTRY = 16;

/** Work in strides of bounded cost. A single row or node is never cut in two. */
export interface Strides {
  /** Goes one stride further; true when all is done. */
  advance(): boolean;
}

type Borrowed = Float32Array | Uint32Array;

export interface BorrowedMemory {
  readonly inputs: readonly Borrowed[];
  readonly outputs: readonly Borrowed[];
}

/** Strides as slices of bounded time; between two of them the caller's memory may go away, which is noticed. */
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
 * A view of a buffer that was transferred, or that shrank below it, is empty. Bytes, because V8 11.3 can get the length of
 * a detached view wrong.
 */
function isGone({ array, bytes }: Loan): boolean {
  return array.byteLength !== bytes;
}
