import { expect, test } from 'vitest';
import { isGuarded } from '../src/internal.js';

test('isGuarded() is true for every device except the CPU, unless its backend sets isGuarded', () => {
  expect((['cpu', 'gpu', 'remote'] as const).map((kind) => isGuarded({ kind }))).toEqual([false, true, true]);
  expect(isGuarded({ kind: 'cpu', isGuarded: true })).toBe(true);
  expect(isGuarded({ kind: 'gpu', isGuarded: false })).toBe(false);
  expect(isGuarded({ kind: 'remote', isGuarded: undefined })).toBe(true);
});
