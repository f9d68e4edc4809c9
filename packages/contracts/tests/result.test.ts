import { describe, expect, test } from 'vitest';
import { allErrors, err, firstError, ok, unwrap, type Result } from '../src/index.js';

const mixed: readonly Result<number, string>[] = [ok(1), err('first'), ok(2), err('second')];

describe('firstError', () => {
  test('gives all values in order', () => {
    expect(firstError([ok(1), ok(2), ok(3)])).toEqual({ ok: true, value: [1, 2, 3] });
    expect(firstError([])).toEqual({ ok: true, value: [] });
  });

  test('gives the first error, and asks for nothing after it', () => {
    let asked = 0;
    const counted = (function* () {
      for (const result of mixed) {
        asked += 1;
        yield result;
      }
    })();
    expect(firstError(counted)).toEqual({ ok: false, error: 'first' });
    expect(asked).toBe(2);
  });
});

describe('allErrors', () => {
  test('gives all values in order', () => {
    expect(allErrors([ok('a'), ok('b')])).toEqual({ ok: true, value: ['a', 'b'] });
    expect(allErrors([])).toEqual({ ok: true, value: [] });
  });

  test('gives every error in order', () => {
    expect(allErrors(mixed)).toEqual({ ok: false, error: ['first', 'second'] });
  });
});

describe('unwrap', () => {
  test('gives the value, also one that is falsy', () => {
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
