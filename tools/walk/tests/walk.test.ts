import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Walk } from '../src/record-walk.mjs';

const MAIN = fileURLToPath(new URL('../src/main.mjs', import.meta.url));
const RECORDED = fileURLToPath(new URL('fixtures/recorded-walks.mjs', import.meta.url));
const COVERED = fileURLToPath(new URL('fixtures/covered-requests.mjs', import.meta.url));

// In separate processes, because there Node loads the packages and not vitest.
const run = (file: string, ...args: string[]): string =>
  execFileSync(process.execPath, [file, ...args], { encoding: 'utf8' });
const recordAll = (walks: readonly object[]): Walk[] => JSON.parse(run(RECORDED, JSON.stringify(walks)));

const WALKS = [
  { operation: 'topK', way: 'cpu' },
  { operation: 'topK', way: 'gpu' },
  { operation: 'topK', way: 'pieces' },
  { operation: 'cosineSimilarity', way: 'pieces' },
  { operation: 'spreadActivation', way: 'pieces' },
] as const;
const recorded = recordAll(WALKS);
const walks = WALKS.map((what, index) => ({ ...what, walk: recorded[index] }));
const ways = walks.filter(({ operation }) => operation === 'topK');

it.each(ways)('the walk of a topK ($way) has the functions of V8 precise coverage', ({ way, walk }) => {
  const what = JSON.stringify({ operation: 'topK', way, policy: 'adaptive' });
  const requests: { file: string; name: string }[][] = JSON.parse(run(COVERED, what));
  const ours = walk.functions.map(({ file, name }) => `${file} ${name}`).sort();
  const covered = requests.map((functions) => functions.map(({ file, name }) => `${file} ${name}`).sort());
  const differences = covered.map((each) => [
    ...each.filter((line) => !ours.includes(line)).map((line) => `only V8: ${line}`),
    ...ours.filter((line) => !each.includes(line)).map((line) => `only the walk: ${line}`),
  ]);
  expect(differences.sort((a, b) => a.length - b.length)[0]).toEqual([]);
  expect(covered).toContainEqual(ours);
});

it.each(ways)(
  'the walk of a topK ($way) begins in the facade, and ends with the release of its version',
  ({ walk }) => {
    expect(walk.functions[0]).toMatchObject({ package: 'gearshift', name: expect.stringMatching(/\.topK$/) });
    expect(walk.functions.at(-1)).toMatchObject({ package: 'storage', name: expect.stringMatching(/unpin/) });
  },
);

it('a walk is the same in every run, whatever was recorded before it', () => {
  expect(recordAll(WALKS.toReversed()).reverse()).toEqual(recorded);
});

it('npm run walk prints with --json the walk of the options', () => {
  expect(JSON.parse(run(MAIN, 'topK', '--device', 'gpu', '--json'))).toEqual(recorded[1]);
});

it.each(ways)('the totals of a topK ($way) count its functions without the testing package', ({ walk }) => {
  const { totals, packages, functions, goal } = walk;
  expect(totals).toEqual({
    files: new Set(functions.map(({ file }) => file)).size,
    functions: functions.length,
    calls: functions.reduce((sum, { calls }) => sum + calls, 0),
  });
  for (const key of ['files', 'functions', 'calls'] as const) {
    expect(packages.reduce((sum, each) => sum + each[key], 0)).toBe(totals[key]);
  }
  const { files = 0, functions: most = 0, met } = goal ?? {};
  expect(met).toBe(totals.files <= files && totals.functions <= most);
  expect(packages.map((each) => each.package)).not.toContain('testing');
});

it.each(walks.filter(({ way }) => way === 'pieces'))(
  'a memory cap cuts $operation into three pieces',
  ({ walk: { operation, gpuCalls }, ...what }) => {
    expect({ operation, gpuCalls }).toEqual({ operation: what.operation, gpuCalls: 3 });
  },
);

it('npm run walk prints the functions in order, the totals and the goal', () => {
  const text = run(MAIN, 'topK', '--pieces');
  expect(text).toMatch(
    /^A warm topK on a GPU, in about three pieces, adaptive policy, 3 calls of the GPU\n\n {3}1 {2}gearshift\/src\/[\w-]+\.ts:\d+ +\w+\.topK\n/,
  );
  expect(text).toMatch(/\ntotal +\d+ +\d+ +\d+\n\ngoal: at most 45 files and 160 functions: (met|missed)\n$/);
});

it.each([[[]], [['sort']], [['topK', '--device', 'tpu']], [['topK', '--policy', 'none']], [['topK', '--loud']]])(
  'npm run walk prints its usage and exits with 2 for the arguments %j',
  (args) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('npm run walk -- OPERATION');
  },
);
