import { findNatsServer } from '@gearshift/nats-server';
import { expect, test } from 'vitest';
import { quantile, lineThrough, ratioOfRounds, timeInTurns } from '../src/cluster/latencies.mjs';
import { readConstants } from '../src/cluster/constants.mjs';
import suite from '../src/suites/cluster.mjs';

const { lacks } = findNatsServer();
const needs = lacks === null ? '' : ` (needs ${lacks})`;

/** What a goal's target says of its measured figure. */
function holds(target: string, measured: number): boolean {
  const limit = /(<=|<|:) ([\d.]+)(?: ms| us| of those to 2)?(?: p50| after another worker was asked)?$/.exec(target);
  if (limit === null) throw new Error(`no limit in '${target}'`);
  const most = Number(limit[2]);
  return limit[1] === '<' ? measured < most : measured <= most;
}

test.skipIf(lacks !== null)(
  `the cluster suite measures every goal in a quick run${needs}`,
  { timeout: 240_000 },
  async () => {
    const progress: string[] = [];
    const { tables, goals } = await suite.run({ quick: true, log: (message: string) => progress.push(message) });
    expect(progress).toHaveLength(6);
    expect(goals).toHaveLength(7);
    for (const { target, measured, pass } of goals) {
      // A single kill may come between two queries.
      if (target.startsWith('kill -9') && measured === null) {
        expect(pass).toBeNull();
        continue;
      }
      expect(measured, target).toEqual(expect.any(Number));
      expect(measured, target).not.toBeNaN();
      expect(pass, target).toBe(holds(target, Number(measured)));
    }
    // Counts do not depend on how busy the machine is.
    const countOf = (beginning: string) => goals.find(({ target }) => target.startsWith(beginning));
    expect(countOf('bytes that')).toMatchObject({ pass: true });
    expect(countOf('queries that fail')).toMatchObject({ measured: 0, pass: true });
    for (const { columns, rows } of tables) {
      expect(rows.length).toBeGreaterThan(0);
      for (const row of rows) expect(row).toHaveLength(columns.length);
    }
    const constants = readConstants(tables);
    // A slope of so few queries may have any sign.
    for (const name of ['coordinatorShardUs', 'workerUs', 'serverShardUs'] as const) {
      expect(constants[name], name).toSatisfy(Number.isFinite);
    }
    const quantiles = constants.oneShardUs.map(({ us }) => us);
    expect(quantiles).toEqual(quantiles.toSorted((a, b) => a - b));
  },
);

test('quantiles, lines and ratios of rounds are those of textbooks', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect([quantile(values, 0), quantile(values, 0.5), quantile(values, 0.99)]).toEqual([1, 51, 100]);
  const { slope, intercept } = lineThrough([1, 2, 4, 16].map((x) => [x, 3 * x + 7]));
  expect([slope, intercept]).toEqual([expect.closeTo(3, 9), expect.closeTo(7, 9)]);
  expect(ratioOfRounds([2, 20, 300], [1, 10, 100])).toBe(2);
});

test('contestants take turns, and what they say that they computed is left out of what they add', async () => {
  let order = '';
  let othersUs = 0;
  const contestant = (name: string, computedMs: number) => ({
    name,
    perTurn: 2,
    run: async () => {
      order += name;
      othersUs += 5;
      return computedMs;
    },
  });
  const options = { rounds: 2, others: { worker: () => othersUs } };
  const timed = await timeInTurns([contestant('a', 0), contestant('b', 1e6)], options);
  // Two calls each before the first round, then three and two in each turn.
  expect(order).toBe('aabb' + 'aaaaabbbbb' + 'bbbbbaaaaa');
  const [a, b] = [timed.get('a'), timed.get('b')];
  expect(a?.addedMs).toEqual(a?.totalMs);
  expect(b?.totalMs).toHaveLength(4);
  expect(b?.addedMs).toEqual([0, 0, 0, 0]);
  expect(a?.othersUs.get('worker')).toBe(5);
});
