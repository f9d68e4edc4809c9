import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Walk } from '../src/record-walk.mjs';

const MAIN = fileURLToPath(new URL('../src/main.mjs', import.meta.url));
const COVERED = fileURLToPath(new URL('fixtures/covered-requests.mjs', import.meta.url));

// In a separate process, because there Node loads the packages and not vitest.
const walkOf = (...args: string[]): Walk =>
  JSON.parse(execFileSync(process.execPath, [MAIN, ...args, '--json'], { encoding: 'utf8' }));
const WAYS = { cpu: [], gpu: ['--device', 'gpu'], pieces: ['--pieces'] };
const ways = Object.entries(WAYS).map(([way, args]) => ({ way, args, walk: walkOf('topK', ...args) }));

it.each(ways)('the walk of a topK ($way) has the functions of V8 precise coverage', ({ way, walk }) => {
  const what = JSON.stringify({ operation: 'topK', way, policy: 'adaptive' });
  const requests: { file: string; name: string }[][] = JSON.parse(
    execFileSync(process.execPath, [COVERED, what], { encoding: 'utf8' }),
  );
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

it.each(ways)('the walk of a topK ($way) is the same in every run', ({ args, walk }) => {
  expect(walkOf('topK', ...args)).toEqual(walk);
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

it.each(['topK', 'cosineSimilarity', 'spreadActivation'])('a memory cap cuts %s into three pieces', (operation) => {
  expect(walkOf(operation, '--pieces').gpuCalls).toBe(3);
});

it('npm run walk prints the functions in order, the totals and the goal', () => {
  const text = execFileSync(process.execPath, [MAIN, 'topK'], { encoding: 'utf8' });
  expect(text).toMatch(
    /^A warm topK on the CPU alone, adaptive policy\n\n {3}1 {2}gearshift\/src\/[\w-]+\.ts:\d+ +\w+\.topK\n/,
  );
  expect(text).toMatch(/\ntotal +\d+ +\d+ +\d+\n\ngoal: at most 20 files and 70 functions: (met|missed)\n$/);
});

it.each([[[]], [['sort']], [['topK', '--device', 'tpu']], [['topK', '--policy', 'none']], [['topK', '--loud']]])(
  'npm run walk prints its usage and exits with 2 for the arguments %j',
  (args) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('npm run walk -- OPERATION');
  },
);
