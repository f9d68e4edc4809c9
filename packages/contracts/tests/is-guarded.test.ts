import { expect, test } from 'vitest';
import { isGuarded } from '../src/internal.js';

test('every device but the CPU is guarded, unless its backend says otherwise', () => {
  expect((['cpu', 'gpu', 'remote'] as const).map((kind) => isGuarded({ kind }))).toEqual([false, true, true]);
  expect(isGuarded({ kind: 'cpu', isGuarded: true })).toBe(true);
  expect(isGuarded({ kind: 'gpu', isGuarded: false })).toBe(false);
  expect(isGuarded({ kind: 'remote', isGuarded: undefined })).toBe(true);
});
