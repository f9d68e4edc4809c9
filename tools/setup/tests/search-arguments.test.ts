import { expect, it } from 'vitest';
import { searchArguments } from '../search-arguments.mjs';

it('searches the documentation without its API reference when nothing is given', () => {
  const args = searchArguments([]);
  expect(args[args.indexOf('--dir') + 1]).toMatch(/docs$/);
  expect(args[args.indexOf('--exclude') + 1]).toBe('api');
  expect(args[args.indexOf('--query') + 1]).toMatch(/memory/);
});

it.each([['--query', 'x'], ['-q', 'x'], ['--query=x']])('keeps the given query: %s', (...query) => {
  expect(searchArguments(query).slice(-query.length)).toEqual(query);
  expect(searchArguments(query).filter((arg) => arg.startsWith('--query') || arg === '-q')).toHaveLength(1);
});

it.each([['--dir', 'x'], ['-d', 'x'], ['--dir=x'], ['--vectors', 'x'], ['--help']])(
  'adds nothing when the place to search is given: %s',
  (...args) => {
    expect(searchArguments(args)).toEqual(args);
  },
);
