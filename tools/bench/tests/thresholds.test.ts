import { describe, expect, it } from 'vitest';
import { barChart } from '../src/chart.mjs';
import { CHARTS } from '../src/charts.mjs';
import { measureChoices } from '../src/thresholds/choices.mjs';
import { crossover, interpolate } from '../src/thresholds/measure-curves.mjs';
import { createZeroMemory, WORLDS } from '@gearshift/dispatch-lab';

/** One device grows with the size, the other costs the same whatever it does. */
const points = (gpuMs: number) => [1, 10, 100, 1000].map((size) => ({ size, cpuMs: size, gpuMs }));

describe('crossover', () => {
  it('lies where the curves meet', () => {
    expect(crossover(points(32))).toBe(32);
    expect(crossover(points(500))).toBe(500);
  });

  it('is 0 where the GPU is always faster, and Infinity where it never is', () => {
    expect(crossover(points(0.5))).toBe(0);
    expect(crossover(points(2000))).toBe(Infinity);
  });

  it('is the last one where the curves meet more than once', () => {
    const [first, ...rest] = points(32);
    expect(crossover([{ ...first, gpuMs: 0.1 }, ...rest])).toBe(32);
  });
});

it('interpolates power laws exactly, between the points and beyond them', () => {
  const cube = interpolate([2, 8, 32].map((size) => ({ size, ms: size ** 3 })));
  for (const size of [1, 2, 5, 8, 20, 32, 100]) expect(cube(size)).toBeCloseTo(size ** 3, 6);
});

it('tells what the policies choose, by kind, residency and size', async () => {
  const memory = createZeroMemory(1_000_000 * 768);
  const classes = await measureChoices(WORLDS.linear, [16, 1024], { memory, requestCount: 400, seeds: 1 });
  // In that world a resident scan of thousands of rows is faster on the GPU, and a cold one is not.
  const resident = classes.get('scan resident 1');
  const cold = classes.get('scan cold 1');
  expect(resident?.faster).toBe(1);
  expect(resident?.shares['adaptive']).toBeGreaterThan(0.9);
  expect(cold?.faster).toBe(0);
  expect(cold?.shares['adaptive']).toBeLessThan(0.1);
});

it('draws bars from the reference to either side', () => {
  const svg = barChart({
    title: 'a < b',
    unit: 'x',
    reference: 1,
    groups: [{ name: 'group', bars: ['2', '0.5'].map((name) => ({ name, value: Number(name) })) }],
  });
  expect(svg).toContain('a &lt; b');
  const [ahead, behind] = [...svg.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)"/g)].map(([, x, width]) => ({
    from: Number(x),
    to: Number(x) + Number(width),
  }));
  expect(ahead.from).toBeCloseTo(behind.to, 0); // the reference
  expect(ahead.to - ahead.from).toBeCloseTo(behind.to - behind.from, 0); // as far from it
});

it('makes a chart of the peers that were there', () => {
  const [chart] = CHARTS['peers']([
    {
      title: '',
      columns: ['rows', 'dimensions', 'k', 'threads', 'gearshift us', 'usearch x', 'faiss x'],
      rows: [
        [1000, 768, 10, 1, 80, 2, null],
        [1000, 384, 10, 1, 80, 3, 4],
      ],
    },
  ]);
  expect(chart.groups).toEqual([{ name: '1000 rows, threads: 1', bars: [{ name: 'usearch', value: 2 }] }]);
});
