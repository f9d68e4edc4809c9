import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { describeThrown } from '../src/internal.js';

const revoked = Proxy.revocable({}, {});
revoked.revoke();

describe('describeThrown()', () => {
  it.each([
    [new RangeError('too large'), 'RangeError: too large'],
    [runInNewContext("new TypeError('of another realm')"), 'TypeError: of another realm'],
    ['text', 'a value of type string'],
    [undefined, 'a value of type undefined'],
    [Symbol('s'), 'a value of type symbol'],
    [Object.assign(new Error(), { message: Symbol('secret') }), 'Error: Symbol(secret)'],
    [Object.assign(new Error(), { name: Symbol('name'), message: 'm' }), 'Symbol(name): m'],
    [
      Object.assign(new Error(), {
        message: {
          toString: () => {
            throw new Error();
          },
        },
      }),
      'a value that cannot be read',
    ],
    [
      Object.defineProperty(new Error(), 'message', {
        get: () => {
          throw new Error();
        },
      }),
      'a value that cannot be read',
    ],
  ])('describes any thrown value without throwing (case %#)', (thrown, described) => {
    expect(describeThrown(thrown)).toBe(described);
  });

  it('describes a revoked proxy', () => {
    expect(describeThrown(revoked.proxy)).toBe('a value that cannot be read');
  });
});
