import { describe, expect, test } from 'vitest';
import { err, ok, unwrap, type Result } from '../src/index.js';

describe('unwrap', () => {
  test('returns the value, even a falsy one', () => {
    expect(unwrap(ok(0))).toBe(0);
    expect(unwrap(ok(null))).toBeNull();
  });

  test.each([
    [{ kind: 'fault', message: 'the device is on fire' }, 'the device is on fire'],
    ['plain words', 'plain words'],
    [null, 'null'],
    [7, '7'],
  ])('throws the error %o with its message and as its cause', (error, message) => {
    const failed: Result<number, unknown> = err(error);
    const attempt = (): unknown => unwrap(failed);
    expect(attempt).toThrow(new Error(message, { cause: error }));
  });
});

test('results are plain data', () => {
  for (const result of [ok([1, 2]), err({ kind: 'fault' })]) expect(structuredClone(result)).toEqual(result);
});
