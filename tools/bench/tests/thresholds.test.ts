import { describe, expect, it } from 'vitest';
import { barChart } from '../src/chart.mjs';
import { CHARTS } from '../src/charts.mjs';
import { measureChoices } from '../src/thresholds/choices.mjs';
import { crossover, interpolate } from '../src/thresholds/measure-curves.mjs';
import { createZeroMemory, WORLDS } from '@gearshift/dispatch-lab';

/** The time of one device grows with the size, that of the other is constant. */
const points = (gpuMs: number) => [1, 10, 100, 1000].map((size) => ({ size, cpuMs: size, gpuMs }));

describe('crossover', () => {
  it('is the size at which the curves meet', () => {
    expect(crossover(points(32))).toBe(32);
    expect(crossover(points(500))).toBe(500);
  });

  it('is 0 when the GPU is always faster, and Infinity when it never is', () => {
    expect(crossover(points(0.5))).toBe(0);
    expect(crossover(points(2000))).toBe(Infinity);
  });

  it('is the last size at which the curves meet', () => {
    const [first, ...rest] = points(32);
    expect(crossover([{ ...first, gpuMs: 0.1 }, ...rest])).toBe(32);
  });
});

it('interpolates and extrapolates power laws exactly', () => {
  const cube = interpolate([2, 8, 32].map((size) => ({ size, ms: size ** 3 })));
  for (const size of [1, 2, 5, 8, 20, 32, 100]) expect(cube(size)).toBeCloseTo(size ** 3, 6);
});

it('reports the choices of the policies by kind, residency and size', async () => {
  const memory = createZeroMemory(1_000_000 * 768);
  const classes = await measureChoices(WORLDS.linear, [16, 1024], { memory, requestCount: 400, seeds: 1 });
  // In this world the GPU is faster for a resident scan of thousands of rows, but not for a cold one.
  const resident = classes.get('scan resident 1');
  const cold = classes.get('scan cold 1');
  expect(resident?.faster).toBe(1);
  expect(resident?.shares['adaptive']).toBeGreaterThan(0.9);
  expect(cold?.faster).toBe(0);
  expect(cold?.shares['adaptive']).toBeLessThan(0.1);
});

it('draws bars from the reference to both sides', () => {
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

it('draws a chart of the peers that ran', () => {
  const [chart] = CHARTS['peers']([
    {
      title: '',
      columns: [
        'set',
        'rows',
        'dimensions',
        'k',
        'threads',
        'gearshift us',
        'gearshift float32 x',
        'usearch x',
        'faiss x',
      ],
      rows: [
        ['words', 1000, 100, 10, 1, 80, 1.5, 2, null],
        ['words', 1000, 100, 10, 2, 80, 1.5, 3, 4],
        ['words', 1000, 100, 100, 1, 80, 1.5, 3, 4],
        ['words', 100, 100, 10, 1, 80, 1.5, 3, 4],
      ],
    },
  ]);
  expect(chart.groups).toEqual([{ name: '1000 words of 100', bars: [{ name: 'usearch', value: 2 }] }]);
});
