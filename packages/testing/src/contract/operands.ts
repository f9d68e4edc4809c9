import type { SeededRandom } from '../random/seeded-random.js';
import { SPECIAL_ELEMENTS } from '../special-values.js';

/** A copy of `values` with a few special elements in it. */
export function strewn(values: Float32Array, random: SeededRandom): Float32Array {
  const copy = values.slice();
  const elements = Object.values(SPECIAL_ELEMENTS);
  for (let i = 0; i < 4; i++) copy[random.integer(copy.length)] = elements[random.integer(elements.length)];
  return copy;
}

/** A copy of `values` that begins so many elements after the start of its buffer. */
export function onOffset(values: Float32Array, offset: number): Float32Array {
  const copy = new Float32Array(values.length + offset + 1).subarray(offset, offset + values.length);
  copy.set(values);
  return copy;
}

/** A copy of `values` in shared memory. */
export function onShared(values: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}

export function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((elements, part) => elements + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

/** Detaches the memory of `view`, like `postMessage` with a transfer list. */
export function detach(view: Pick<Float32Array, 'buffer'>): void {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
}

/** A copy of `values` in a buffer that {@link shrink} can shrink. */
export function onResizable(values: Float32Array): Float32Array {
  // TypeScript's ES2023 library has no types for resizable buffers; Node 20 has the feature.
  const Resizable = ArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer;
  const buffer = new Resizable(values.byteLength, { maxByteLength: values.byteLength });
  const copy = new Float32Array(buffer, 0, values.length);
  copy.set(values);
  return copy;
}

export function shrink(view: Float32Array): void {
  (view.buffer as unknown as { resize(bytes: number): void }).resize(0);
}
