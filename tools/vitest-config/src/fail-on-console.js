import { afterEach, beforeEach, expect } from 'vitest';

/** Libraries are silent: anything a test makes them print is a failure of that test. */
const methods = /** @type {const} */ (['debug', 'error', 'info', 'log', 'trace', 'warn']);
const originals = new Map(methods.map((method) => [method, console[method]]));
/** @type {string[]} */
let printed = [];

beforeEach(() => {
  printed = [];
  for (const method of methods) {
    console[method] = (...values) => {
      printed.push(`console.${method}: ${values.map(String).join(' ')}`);
    };
  }
});

afterEach(() => {
  for (const [method, original] of originals) console[method] = original;
  expect(printed, 'a test printed to the console').toEqual([]);
});
