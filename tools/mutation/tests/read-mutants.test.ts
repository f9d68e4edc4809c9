import { expect, it } from 'vitest';
import { readMutants } from '../src/read-mutants.mjs';

const TEXT = 'const a = 1;\nif (a >\n    2) stop();\nif (a > 2) stop();\n';
const texts = new Map([['src/x.ts', TEXT]]);
const at = (line: number, column: number, endLine: number, endColumn: number) => ({
  start: { line, column },
  end: { line: endLine, column: endColumn },
});
const mutant = (status: string, location = at(1, 11, 1, 12), replacement = '2', fileName = '/copy/src/x.ts') => ({
  ...{ id: '0', fileName, mutatorName: 'EqualityOperator', status, location, replacement },
});
const read = (mutants: unknown[]) => readMutants(mutants, '/copy', texts).get('src/x.ts');

it('readMutants counts found mutants, and lists those that survived or have no coverage', () => {
  const mutants = ['Killed', 'Killed', 'Timeout', 'Survived', 'NoCoverage'].map((status) => mutant(status));
  expect(read(mutants)).toMatchObject({
    killed: 2,
    timeout: 1,
    survivors: [{ status: 'survived' }, { status: 'no coverage' }],
  });
});

it('readMutants does not count mutants that were skipped or do not compile', () => {
  expect(read(['Ignored', 'CompileError', 'RuntimeError', 'Pending'].map((status) => mutant(status)))).toEqual({
    killed: 0,
    timeout: 0,
    survivors: [],
  });
});

it('readMutants ignores files that were not requested', () => {
  expect(read([mutant('Survived', undefined, '2', '/copy/src/other.ts')])).toEqual({
    killed: 0,
    timeout: 0,
    survivors: [],
  });
});

it('a survivor contains the replaced code, even across lines', () => {
  expect(read([mutant('Survived', at(2, 5, 3, 6), 'a >= 2')])?.survivors).toEqual([
    {
      key: 'src/x.ts: a > 2 -> a >= 2',
      line: 2,
      status: 'survived',
      mutator: 'EqualityOperator',
      original: 'a > 2',
      replacement: 'a >= 2',
    },
  ]);
});

it('the key of a survivor does not depend on its line, and equal keys are numbered from the top', () => {
  const inOrder = [mutant('Survived', at(4, 5, 4, 10), 'true'), mutant('Survived', at(2, 5, 3, 6), 'true')];
  const expected = [
    { key: 'src/x.ts: a > 2 -> true', line: 2 },
    { key: 'src/x.ts: a > 2 -> true (2)', line: 4 },
  ];
  expect(read(inOrder)?.survivors).toMatchObject(expected);
  expect(read(inOrder.toReversed())?.survivors).toMatchObject(expected);
});

it('the key of a survivor that replaces a long text is short', () => {
  const long = `'${'x'.repeat(300)}'`;
  const [survivor] = read([mutant('Survived', undefined, long)])?.survivors ?? [];
  expect(survivor.key.length).toBeLessThan(150);
  expect(survivor.replacement).toBe(long);
});
