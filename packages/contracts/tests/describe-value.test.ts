import { expect, test } from 'vitest';
import { expected } from '../src/arguments.js';

class Corpus {
  readonly texts = ['not for a message'];
}

test.each([
  [null, 'null'],
  [undefined, 'undefined'],
  [3, '3'],
  [-0, '-0'],
  [0, '0'],
  [NaN, 'NaN'],
  [-Infinity, '-Infinity'],
  [12n, '12'],
  [true, 'true'],
  ['words', "'words'"],
  ['x'.repeat(40), `'${'x'.repeat(40)}'`],
  ['x'.repeat(41), 'a string of 41 characters'],
  [Symbol('secret'), 'a symbol'],
  [() => 1, 'a function'],
  [[1, 2, 3], 'an array of 3 elements'],
  [new Float64Array(5), 'Float64Array of 5 elements'],
  [Buffer.alloc(2), 'Buffer of 2 elements'],
  [new DataView(new ArrayBuffer(9)), 'DataView of 9 bytes'],
  [new Map([['a', 1]]), 'an object of type Map'],
  [new Corpus(), 'an object of type Corpus'],
  [{ password: 'secret' }, 'an object of type Object'],
  [Object.create(null), 'an object'],
])('describes %o as "%s"', (value, description) => {
  expect(expected('name', 'something else', value)).toBe(`name: expected something else, got ${description}`);
});
