import { describe, expect, it } from 'vitest';
import { judge } from '../src/report/goals.js';
import { formatLabPage } from '../src/report/format-lab-page.js';
import type { ScenarioResult } from '../src/report/scenario-result.js';

const result = (more: Partial<ScenarioResult>): ScenarioResult => ({
  trace: 'T1',
  world: 'hard',
  policy: 'adaptive',
  seeds: 11,
  regretPercent: 1,
  worstPercent: 2,
  failedAttempts: 0,
  outOfMemory: 0,
  ...more,
});
const verdictOf = (...results: readonly ScenarioResult[]) => judge(results).map(({ held }) => held);

describe('judge', () => {
  it('meets a goal at exactly its limit', () => {
    expect(verdictOf(result({ regretPercent: 2 }))).toEqual([true]);
    expect(verdictOf(result({ regretPercent: 2.01 }))).toEqual([false]);
    expect(verdictOf(result({ trace: 'T6', regretPercent: 6, failedAttempts: 500 }))).toEqual([true]);
    expect(verdictOf(result({ trace: 'T6', regretPercent: 6, failedAttempts: 501 }))).toEqual([false]);
    expect(verdictOf(result({ trace: 'T7', outOfMemory: 30 }))).toEqual([true]);
    expect(verdictOf(result({ trace: 'T7', outOfMemory: 31 }))).toEqual([false]);
  });

  it('requires a better result than every baseline on the same trace in the same world, with allowed ties', () => {
    const baseline = (more: Partial<ScenarioResult>) => result({ policy: 'always-cpu', regretPercent: 0.5, ...more });
    expect(verdictOf(result({}), baseline({}))).toEqual([false]);
    expect(verdictOf(result({}), baseline({ world: 'linear' }), baseline({ trace: 'T2' }))).toEqual([true]);
    expect(verdictOf(result({ trace: 'T3', regretPercent: 1.4 }), baseline({ trace: 'T3' }))).toEqual([true]);
    expect(verdictOf(result({ trace: 'T3', regretPercent: 1.6 }), baseline({ trace: 'T3' }))).toEqual([false]);
    expect(verdictOf(result({ trace: 'T8', regretPercent: 90 }), baseline({ trace: 'T8', regretPercent: 95 }))).toEqual(
      [true],
    );
  });

  it('gives no verdict when the judged policy was not measured', () => {
    expect(judge([result({ policy: 'always-cpu' })])).toEqual([]);
  });
});

it('writes a page with every figure and every verdict', async () => {
  const results = [
    result({ regretPercent: 1.23 }),
    result({ policy: 'always-gpu', regretPercent: 77.7, failedAttempts: 9 }),
  ];
  const page = await formatLabPage(results, 'docs/dispatch-lab.md');
  for (const text of ['1.2 (2.0)', '77.7 (2.0)', 'held', '![T1 stationary, hard world](dispatch-lab/T1-hard.svg)']) {
    expect(page).toContain(text);
  }
});
