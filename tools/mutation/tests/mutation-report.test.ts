import { expect, it } from 'vitest';
import { explain, staleExplanations } from '../src/explanations.mjs';
import { makeReport, resultsOf } from '../src/mutation-report.mjs';

const survivor = (key: string, status: 'survived' | 'no coverage' = 'survived', mutator = 'EqualityOperator') => ({
  ...{ key, line: 3, status, mutator, original: 'a', replacement: 'b' },
});
const A = { file: 'src/a.ts', hash: 's1' };
const B = { file: 'src/b.ts', hash: 's2' };
const none = { survivors: {}, groups: [] };
const results = new Map([
  [
    'src/a.ts',
    { source: 's1', package: 'p1', killed: 6, timeout: 1, survivors: [survivor('k1'), survivor('k2', 'no coverage')] },
  ],
  ['src/b.ts', { source: 's2', package: 'p1', killed: 0, timeout: 0, survivors: [] }],
]);

it('the score is the share of mutants that were found or ran into a time limit, in percent', () => {
  const report = makeReport('thing', [A, B], results, [], none);
  expect(report).toMatchObject({ score: 77.8, killed: 6, timeout: 1, survived: 1, noCoverage: 1, explained: 0 });
});

it('a report without mutants has no score', () => {
  expect(makeReport('thing', [B], results, [], none).score).toBeNull();
});

it('a report counts the measured files, and drops files that no longer exist', () => {
  const report = makeReport('thing', [B, { file: 'src/new.ts', hash: 's3' }], results, [], none);
  expect(report).toMatchObject({ filesMeasured: 1, filesChanged: 0, filesInAll: 2, survivors: [] });
  expect(Object.keys(report.files)).toEqual(['src/b.ts']);
});

it('a report counts the files with figures of an earlier source', () => {
  const report = makeReport('thing', [{ ...A, hash: 'another' }, B], results, [], none);
  expect(report).toMatchObject({ filesMeasured: 2, filesChanged: 1 });
});

it('a report can be converted back to its results', () => {
  const report = makeReport('thing', [A, B], results, [], {
    survivors: { k1: 'a reason' },
    groups: [],
  });
  expect(resultsOf(JSON.parse(JSON.stringify(report)))).toEqual(results);
  expect(resultsOf(null)).toEqual(new Map());
});

it('a report contains the explanations of its survivors', () => {
  const explanations = { survivors: { k1: 'a reason' }, groups: [] };
  const { survivors, explained } = makeReport('thing', [A], results, [], explanations);
  expect(survivors.map(({ explained }) => explained)).toEqual(['a reason', null]);
  expect(explained).toBe(1);
});

it('a group explains the survivors of its files and its mutator, unless a survivor has its own reason', () => {
  const groups = [
    { files: 'src/sizing/', mutator: 'EqualityOperator', why: 'bounds' },
    { files: 'src/other.ts', why: 'all' },
  ];
  const explanations = { survivors: { own: 'own reason' }, groups };
  expect(explain('src/sizing/a.ts', survivor('x'), explanations)).toBe('bounds');
  expect(explain('src/sizing/a.ts', survivor('own'), explanations)).toBe('own reason');
  expect(explain('src/sizing/a.ts', survivor('x', 'survived', 'BlockStatement'), explanations)).toBeNull();
  expect(explain('src/other.ts', survivor('x', 'survived', 'BlockStatement'), explanations)).toBe('all');
  expect(explain('src/a.ts', survivor('x'), explanations)).toBeNull();
});

it.each([
  'src/breaker/x.ts',
  'src/run-failure.ts',
  'src/verification/x.ts',
  'src/memory/x.ts',
  'src/device-memory.ts',
  'src/protocol/x.ts',
])('a group does not explain survivors in %s, which need individual reasons', (file) => {
  const explanations = { survivors: { own: 'own reason' }, groups: [{ files: 'src/', why: 'all' }] };
  expect(explain(file, survivor('x'), explanations)).toBeNull();
  expect(explain(file, survivor('own'), explanations)).toBe('own reason');
});

it('an explanation of a survivor that no longer exists is reported', () => {
  expect(staleExplanations({ survivors: { k1: 'a', k3: 'b' }, groups: [] }, new Set(['k1']))).toEqual(['k3']);
});
