import { expect, it } from 'vitest';
import type { Walk } from '../src/record-walk.mjs';
import { formatWayPage } from '../src/way-page.mjs';

const step = (file: string, name: string, calls = 1) => ({ package: file.split('/')[0], file, line: 1, name, calls });
const walk = (way: Walk['way'], functions: Walk['functions'], met: boolean): Walk => ({
  ...{ operation: 'topK', way, policy: 'adaptive', cpuSource: 'prebuilt', gpuCalls: 0 },
  totals: { files: 2, functions: 3, calls: 1234 },
  goal: { files: 20, functions: 70, met },
  packages: [{ package: 'gearshift', files: 2, functions: 3, calls: 1234 }],
  functions,
});

it('the page lists each file once, in the order of its first call, with all of its functions', async () => {
  const steps = [step('a/src/one.ts', 'first'), step('b/src/two.ts', 'second', 7), step('a/src/one.ts', 'third')];
  const page = (await formatWayPage([walk('cpu', steps, true)])).replaceAll(/ +/g, ' ');
  expect(page).toContain(
    '| 1 | [a/one.ts](../packages/a/src/one.ts) | `first`, `third` |\n| 2 | [b/two.ts](../packages/b/src/two.ts) | `second` x 7 |\n',
  );
});

it('the page says for each way whether it meets its goal', async () => {
  const page = await formatWayPage([walk('cpu', [], true), walk('pieces', [], false)]);
  const rows = page.replaceAll(/ +/g, ' ').split('\n');
  expect(rows).toContain('| on the CPU alone | 2 | 3 | 1,234 | 20 files, 70 functions | met |');
  expect(rows).toContain('| on a GPU, in about three pieces | 2 | 3 | 1,234 | 20 files, 70 functions | missed |');
});
