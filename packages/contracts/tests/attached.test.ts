import { expect, test } from 'vitest';
import { requireFloat32Array, requireUint32Array } from '../src/arguments.js';

// The library of TypeScript's ES2023 does not know resizable buffers; Node 20 does.
const Resizable = ArrayBuffer as unknown as new (
  bytes: number,
  options: { maxByteLength: number },
) => ArrayBuffer & { resize(bytes: number): void };
const message = 'values: its buffer was detached or shrank below it';

function detached(): Float32Array {
  const view = new Float32Array(4);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

test('refuses a detached view', () => {
  expect(() => requireFloat32Array('values', detached())).toThrow(new TypeError(message));
  const integers = new Uint32Array(2);
  structuredClone(integers.buffer, { transfer: [integers.buffer] });
  expect(() => requireUint32Array('values', integers)).toThrow(new TypeError(message));
});

test.each([
  [0, 4, 0],
  [0, 4, 12],
  [8, 2, 8],
  [4, 3, 0],
])('refuses a view at byte %d of %d elements when its buffer shrinks to %d bytes', (offset, elements, bytes) => {
  const buffer = new Resizable(16, { maxByteLength: 16 });
  const view = new Float32Array(buffer, offset, elements);
  expect(requireFloat32Array('values', view)).toBe(view);
  buffer.resize(bytes);
  expect(() => requireFloat32Array('values', view)).toThrow(new TypeError(message));
});

test('refuses a detached view in code that was optimized for resizable buffers', () => {
  // V8 11.3 returns the old length of the view here.
  for (let i = 0; i < 20_000; i++) {
    const view = i % 2 === 0 ? new Float32Array(new Resizable(16, { maxByteLength: 16 })) : new Float32Array(4);
    requireFloat32Array('values', view);
  }
  for (let i = 0; i < 100; i++) expect(() => requireFloat32Array('values', detached())).toThrow(message);
});

test('accepts an empty view', () => {
  for (const view of [
    new Float32Array(0),
    new Float32Array(4).subarray(2, 2),
    new Float32Array(new SharedArrayBuffer(0)),
  ]) {
    expect(requireFloat32Array('values', view)).toBe(view);
  }
});
