import assert from 'node:assert/strict';

const GUARD_BITS = 0x7fc0_dead;
const GUARD_ELEMENTS = 24;

/** An array in the middle of a larger buffer. The other elements of the buffer must not change. */
export interface GuardedArray<T extends Float32Array | Uint32Array> {
  readonly array: T;
  assertUntouched(name: string): void;
}

/** @param offset elements by which the array is off a 32-byte boundary */
export function guardedFloats(elementCount: number, offset = 1): GuardedArray<Float32Array> {
  const { buffer, byteOffset, assertUntouched } = guard(elementCount, offset);
  return { array: new Float32Array(buffer, byteOffset, elementCount), assertUntouched };
}

export function guardedIntegers(elementCount: number, offset = 1): GuardedArray<Uint32Array> {
  const { buffer, byteOffset, assertUntouched } = guard(elementCount, offset);
  return { array: new Uint32Array(buffer, byteOffset, elementCount), assertUntouched };
}

function guard(elementCount: number, offset: number) {
  const bits = new Uint32Array(2 * GUARD_ELEMENTS + elementCount).fill(GUARD_BITS);
  const first = 8 + offset;
  return {
    buffer: bits.buffer,
    byteOffset: first * Uint32Array.BYTES_PER_ELEMENT,
    assertUntouched(name: string) {
      const touched = bits.findIndex((value, i) => (i < first || i >= first + elementCount) && value !== GUARD_BITS);
      assert.equal(
        touched,
        -1,
        `${name}: element ${touched - first} is outside of its ${elementCount} and was written`,
      );
    },
  };
}
