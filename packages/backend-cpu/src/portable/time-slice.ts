import { ADDON_STATUS } from '../addon.js';
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

export interface BorrowedMemory {
  readonly inputs: readonly ArrayLike<number>[];
  readonly outputs: readonly ArrayLike<number>[];
}

/** Strides as slices of bounded time; between two of them the caller's memory may go away, which is noticed. */
export class TimeSliced implements SlicedWork {
  readonly #strides: Strides;
  readonly #inputs: readonly Lengthwise[];
  readonly #outputs: readonly Lengthwise[];

  constructor(strides: Strides, { inputs, outputs }: BorrowedMemory) {
    this.#strides = strides;
    this.#inputs = inputs.map(withLength);
    this.#outputs = outputs.map(withLength);
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

interface Lengthwise {
  readonly array: ArrayLike<number>;
  readonly elementCount: number;
}

function withLength(array: ArrayLike<number>): Lengthwise {
  return { array, elementCount: array.length };
}

/** A view of a buffer that was transferred, or that shrank below it, has no elements any more. */
function isGone({ array, elementCount }: Lengthwise): boolean {
  return array.length !== elementCount;
}
