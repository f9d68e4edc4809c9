import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { effort, seedOr, tellCount } from '@gearshift/vitest-config/effort';
import { expect, test } from 'vitest';

const DISPATCHES = effort({ test: 60_000, ci: 1_000_000, nightly: 10_000_000 });
const FIXTURE = fileURLToPath(new URL('fixtures/soak.mjs', import.meta.url));
/** The limit of the goal; a short run is still warming up. */
const MOST_BYTES_PER_100_000 = effort({ test: 40, ci: 1 }) * 2 ** 20;

interface Report {
  readonly dispatches: number;
  readonly samples: readonly {
    readonly dispatches: number;
    readonly heapBytes: number;
    readonly residentBytes: number;
  }[];
  readonly externalBytes: readonly [before: number, after: number];
}

/** Slope of the best-fitting line (least squares), per 100,000 dispatches. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (of: 0 | 1) => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const covariance = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return (covariance / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)) * 100_000;
}

test(`memory does not grow over ${DISPATCHES} dispatches`, { timeout: 3_600_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...['--expose-gc', FIXTURE, String(DISPATCHES), String(seedOr(5))],
  ]);
  const { dispatches, samples, externalBytes } = JSON.parse(stdout) as Report;
  expect(dispatches).toBe(DISPATCHES);
  // The first third warms up: caches fill, code is compiled.
  const settled = samples.filter((sample) => sample.dispatches >= DISPATCHES / 3);
  expect(settled.length).toBeGreaterThan(10);
  const slope = (field: 'heapBytes' | 'residentBytes') =>
    slopeOf(settled.map((sample) => [sample.dispatches, sample[field]] as const));
  expect(slope('heapBytes')).toBeLessThan(MOST_BYTES_PER_100_000);
  expect(slope('residentBytes')).toBeLessThan(MOST_BYTES_PER_100_000);
  // The external memory that the addon reports to V8 is the same at the beginning and at the end.
  expect(externalBytes[1] - externalBytes[0]).toBeLessThan(2 ** 20);
  tellCount('R14', dispatches);
});
