import { expect, it } from 'vitest';
import { summarizeWindows, windowsAfter } from '../src/windows.mjs';

const most = (measured: number | null) => ({
  id: 'P8',
  target: 'top-k <= 3 % over scoring alone',
  measured,
  pass: measured === null ? null : measured <= 3,
});
const least = (measured: number) => ({ id: 'P1', target: 'dot: >= 0.9 of read', measured, pass: measured >= 0.9 });
const resultOf = (day: number, goals: readonly object[]) => ({
  date: `2026-01-0${day}`,
  tookSeconds: 60,
  provenance: { commit: `c${day}` },
  goals,
  tables: [],
});

it('keeps the goals of each run, the first of them from a result without windows', () => {
  const first = resultOf(1, [most(1)]);
  const windows = windowsAfter(first, resultOf(2, [most(2)]));
  expect(windows.map(({ date, commit }) => [date, commit])).toEqual([
    ['2026-01-01', 'c1'],
    ['2026-01-02', 'c2'],
  ]);
  expect(windowsAfter({ ...first, windows }, resultOf(3, [most(3)]))).toHaveLength(3);
  expect(windowsAfter(null, first)).toHaveLength(1);
});

it('gives the median, the best by the direction of the goal, and the verdict of most windows', () => {
  const windows = [
    resultOf(1, [most(5), least(0.7)]),
    resultOf(2, [most(1), least(0.95)]),
    resultOf(3, [most(2), least(0.8)]),
  ];
  expect(summarizeWindows(windows)).toEqual([
    { ...most(2), best: 1, windows: 3, pass: true },
    { ...least(0.8), best: 0.95, windows: 3, pass: false },
  ]);
});

it('leaves out windows that did not measure a goal', () => {
  const windows = [resultOf(1, [most(4)]), resultOf(2, [most(null)])];
  expect(summarizeWindows(windows)).toEqual([{ ...most(4), best: 4, windows: 1, pass: false }]);
  expect(summarizeWindows([resultOf(1, [most(null)])])[0]).toMatchObject({ measured: null, best: null, pass: null });
});
