import { effort, seedOr, tellCount } from '@gearshift/vitest-config/effort';
import { beforeAll, describe, expect, test } from 'vitest';
import { build, lacksTools, run, type Variant } from './native-programs.js';

// The core of the CUDA backend under faults: see native/tests/fault_sweep.cc. The counts here fit in a test run; for the full
// ones run `fault_sweep 100000 SEED` in build/native/plain/native/tests.

const BUILD_TIMEOUT_MS = 300_000;
const RUN_TIMEOUT_MS = 300_000;
const title = lacksTools === null ? 'fault sweep' : `fault sweep (skipped: needs ${lacksTools})`;

interface Totals {
  readonly runs: number;
  readonly withFailure: number;
  readonly lostDevices: number;
}

async function sweep(variant: Variant, what: string, seed: number): Promise<Totals> {
  const { status, stdout, stderr } = await run(variant, 'fault_sweep', what, String(seed));
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  expect({ status, stderr, found: stdout.trimEnd().slice(0, -last.length) }).toEqual({
    status: 0,
    stderr: '',
    found: '',
  });
  const totals = JSON.parse(last) as Totals & Record<string, number>;
  expect(totals).toMatchObject({ silentlyWrong: 0, leaks: 0, misuses: 0, undefined: 0, wrongKinds: 0 });
  return totals;
}

describe.skipIf(lacksTools !== null)(title, () => {
  beforeAll(async () => {
    for (const variant of ['plain', 'address', 'thread'] as const) await build(variant);
  }, BUILD_TIMEOUT_MS);

  const runs = effort({ test: 2500, ci: 100_000, nightly: 5_000_000 });
  const seed = seedOr(1);

  test(
    'random scenarios, schedules and faults give correct results or typed errors without a leak',
    { timeout: RUN_TIMEOUT_MS * Math.max(1, runs / 5000) },
    async () => {
      const totals = await sweep('plain', String(runs), seed);
      expect(totals.runs).toBe(runs);
      // Faults must occur, and not all of them may lose the device.
      expect(totals.withFailure).toBeGreaterThan(0.3 * runs);
      expect(totals.withFailure - totals.lostDevices).toBeGreaterThan(0.02 * runs);
      tellCount('R5', totals.runs);
    },
  );

  test(
    'every code at every driver call and every allocation gives a correct result or a typed error without a leak',
    { timeout: RUN_TIMEOUT_MS },
    async () => {
      const totals = await sweep('plain', 'positions', seed + 2);
      expect(totals.runs).toBeGreaterThan(1500);
      expect(totals.withFailure).toBeGreaterThan(1200);
      tellCount('R6', totals.runs);
    },
  );

  test.for(['plain', 'address'] as const)(
    'every failing allocation in host memory is a typed error and leaks nothing (%s build)',
    { timeout: RUN_TIMEOUT_MS },
    async (variant) => {
      const totals = await sweep(variant, 'host-memory', seed + 3);
      expect(totals.runs).toBeGreaterThan(30);
      // Two runs have no fault; in all others the step without memory fails.
      expect(totals.withFailure).toBe(totals.runs - 2);
      expect(totals.lostDevices).toBe(0);
    },
  );

  const sanitized = effort({ test: 1, ci: 4, nightly: 40 });
  test('the sweep finds nothing under ASan, UBSan and LSan', { timeout: RUN_TIMEOUT_MS * sanitized }, async () => {
    expect((await sweep('address', String(1500 * sanitized), seed + 50_000)).runs).toBe(1500 * sanitized);
    tellCount('R10', 1500 * sanitized);
  });

  test('the sweep finds no data race in kernels under TSan', { timeout: RUN_TIMEOUT_MS * sanitized }, async () => {
    expect((await sweep('thread', String(400 * sanitized), seed + 70_000)).runs).toBe(400 * sanitized);
    tellCount('R11', 400 * sanitized);
  });
});
