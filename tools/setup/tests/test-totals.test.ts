import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addUp, clearResults, readTotals } from '../test-totals.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const assertion = (status: string, fullName: string) => ({ status, fullName });
const file = (status: string, assertionResults: object[], message = '') => ({
  name: join(root, 'packages/x/tests/a.test.ts'),
  status,
  message,
  assertionResults,
});

describe('addUp', () => {
  it('counts passed, failed and skipped tests separately', () => {
    const tests = [
      assertion('passed', 'adds'),
      assertion('passed', 'subtracts'),
      assertion('failed', 'divides'),
      assertion('skipped', 'runs AVX-512 (not on this CPU)'),
      assertion('todo', 'multiplies'),
    ];
    expect(addUp({ success: false, testResults: [file('failed', tests)] } as never, 'packages/x')).toEqual({
      passed: 2,
      failures: ['packages/x/tests/a.test.ts: divides'],
      skips: ['packages/x/tests/a.test.ts: runs AVX-512 (not on this CPU)', 'packages/x/tests/a.test.ts: multiplies'],
    });
  });

  it('counts a file that failed before its tests as a failure', () => {
    const broken = file('failed', [], 'Cannot find module\n  at ...');
    expect(addUp({ success: false, testResults: [broken] } as never, 'packages/x').failures).toEqual([
      'packages/x/tests/a.test.ts: Cannot find module',
    ]);
  });

  it('counts a failed run as a failure even if every test passed', () => {
    const totals = addUp(
      { success: false, testResults: [file('passed', [assertion('passed', 'adds')])] } as never,
      'x',
    );
    expect(totals).toMatchObject({ passed: 1, failures: ['x: the run failed outside the tests'] });
  });
});

describe('readTotals', () => {
  let project: string;
  let folder: string;

  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), 'gearshift-totals-'));
    folder = relative(root, project);
  });
  afterEach(() => {
    rmSync(project, { recursive: true });
  });

  it('counts missing results as a failure', () => {
    expect(readTotals(folder)).toMatchObject({ passed: 0, failures: [`${folder}: no test results were written`] });
  });

  it('adds up all result files of a project until they are cleared', () => {
    mkdirSync(join(project, 'test-results'));
    for (const name of ['results', 'native']) {
      const report = { success: true, testResults: [file('passed', [assertion('passed', name)])] };
      writeFileSync(join(project, 'test-results', `${name}.json`), JSON.stringify(report));
    }
    expect(readTotals(folder)).toMatchObject({ passed: 2, failures: [] });
    clearResults(folder);
    expect(readTotals(folder).failures).toHaveLength(1);
  });
});
