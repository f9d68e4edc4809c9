import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { COUNTERS, SETTINGS } from '../src/control-file.js';

it('has its fields in the order of the fault layer', () => {
  const header = readFileSync(new URL('../native/control_block.h', import.meta.url), 'utf8');
  expect([...header.matchAll(/ X\((\w+)\)/g)].map(([, name]) => name)).toEqual([...SETTINGS, ...COUNTERS]);
});
