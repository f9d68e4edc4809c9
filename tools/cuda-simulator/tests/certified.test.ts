import { beforeAll, describe, expect, test } from 'vitest';
import { build, lacksTools, run, type Variant } from './native-programs.js';

// Compares rankings by bounds with float32 scans: see native/tests/certified.cc.

const BUILD_TIMEOUT_MS = 300_000;
const RUN_TIMEOUT_MS = 300_000;
const title = lacksTools === null ? 'bounds from fewer bits' : `bounds from fewer bits (skipped: needs ${lacksTools})`;

type Counts = Record<string, Record<string, readonly [certain: number, tried: number]>>;

describe.skipIf(lacksTools !== null)(title, () => {
  const variants: readonly (readonly [Variant, number])[] = [
    ['plain', 54],
    ['address', 18],
    ['thread', 6],
  ];
  beforeAll(async () => {
    for (const [variant] of variants) await build(variant);
  }, BUILD_TIMEOUT_MS);

  test.for(variants)(
    'the %s build gives the same rankings by bounds, bit for bit',
    { timeout: RUN_TIMEOUT_MS },
    async ([variant, rounds]) => {
      const { status, stdout, stderr } = await run(variant, 'certified', String(rounds), '11');
      expect({ status, stderr, found: stdout.trimEnd().split('\n').slice(0, -1) }).toEqual({
        status: 0,
        stderr: '',
        found: [],
      });
      const { tf32, float16, int8 } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Counts;
      for (const kinds of [tf32, float16, int8]) {
        for (const kind of ['plain', 'clustered']) expect(kinds[kind][0]).toBe(kinds[kind][1]);
        if (variant !== 'plain') continue;
        // When rows are almost equal the bounds are insufficient, which is detected, and the ranking is still correct.
        expect(kinds['nearDuplicates'][0]).toBeLessThan(kinds['nearDuplicates'][1]);
        for (const [, tried] of Object.values(kinds)) expect(tried).toBeGreaterThan(0);
      }
    },
  );
});
