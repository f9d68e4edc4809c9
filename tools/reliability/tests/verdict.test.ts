import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { GOALS } from '../src/goals.mjs';
import { describeMissingTools, missingTools, TOOLS } from '../src/missing-tools.mjs';
import { exitCodeOf, verdictOf } from '../src/verdict.mjs';

const enough = { failures: [], skips: [], count: 10, least: 10, unit: 'runs' };
const LACKS = 'x.test.ts: metrics (skipped: needs prometheus and promtool) agree: skipped';

describe('verdictOf', () => {
  it.each([
    ['met', 0, enough],
    ['violated', 1, { ...enough, count: 9 }],
    ['violated', 1, { ...enough, failures: ['a test: failed'] }],
    ['violated', 1, { ...enough, skips: ['x.test.ts: hidden: skipped'] }],
    ['not run', 0, { ...enough, skips: [LACKS], count: 0 }],
    ['violated', 1, { ...enough, skips: [LACKS], failures: ['a test: failed'], count: 0 }],
  ] as const)('a goal is %s with %i violations: case %#', (verdict, violations, found) => {
    expect(verdictOf(found)).toMatchObject({ verdict, violations });
  });

  it('names the skipped tests of a goal that was not run', () => {
    expect(verdictOf({ ...enough, skips: [LACKS], count: 0 }).problems).toEqual([LACKS]);
  });
});

it('the exit code tells a violation, a goal that was not run, and success apart', () => {
  expect(exitCodeOf([{ verdict: 'met' }])).toBe(0);
  expect(exitCodeOf([{ verdict: 'not run' }, { verdict: 'violated' }])).toBe(1);
  expect(exitCodeOf([{ verdict: 'met' }, { verdict: 'not run' }])).toBe(3);
});

describe('missing tools', () => {
  it('every need of a goal is a known tool', () => {
    for (const { needs = [] } of Object.values(GOALS)) for (const need of needs) expect(TOOLS).toHaveProperty([need]);
  });

  it('one of several programs is enough', () => {
    expect(missingTools(['a C++ compiler'], (program) => program === 'clang++')).toEqual([]);
    expect(missingTools(['a C++ compiler', 'CMake'], () => false)).toEqual(['a C++ compiler', 'CMake']);
  });

  it('the command names the goals that cannot run and the packages to install', () => {
    expect(describeMissingTools(['R1', 'R16'], GOALS, () => false)).toEqual([
      'R16 cannot run here: prometheus and promtool missing.',
      'To install what is missing on Debian or Ubuntu: sudo apt-get install prometheus',
    ]);
    expect(describeMissingTools(['R23'], GOALS, () => false)).toEqual([
      'R23 cannot run here: nats-server missing.',
      'To get nats-server: node tools/nats-server/fetch/fetch-nats-server.mjs',
    ]);
    expect(describeMissingTools(['R1', 'R16'], GOALS, () => true)).toEqual([]);
  });
});

describe('the command on a machine without Prometheus', () => {
  const main = fileURLToPath(new URL('../src/main.mjs', import.meta.url));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', env: { ...process.env, PATH: '/nowhere' } });

  it('says before it starts what is missing, reports R16 as not run and exits with code 3', () => {
    const { status, stdout, stderr } = run('R16');
    expect(JSON.parse(stdout)).toMatchObject({ goal: 'R16', verdict: 'not run', violations: 0 });
    expect(stderr).toMatch(
      /^R16 cannot run here: prometheus and promtool missing\.\nTo install .*apt-get install prometheus\n/,
    );
    expect(stderr).toMatch(/\nNot run: R16\n$/);
    expect(status).toBe(3);
  });

  it.each([['R99'], ['toString'], ['--sed', '7'], ['--seed', 'x']])(
    'exits with code 2 for wrong arguments: %s',
    (...args) => {
      const { status, stderr } = run(...args);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(status).toBe(2);
    },
  );
});
