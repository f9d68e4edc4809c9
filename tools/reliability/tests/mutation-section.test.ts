import { expect, it } from 'vitest';
import { mutationSection } from '../src/mutation-section.mjs';

const report = {
  ...{ package: 'thing', goal: 85, score: 85, killed: 80, timeout: 5, survived: 12, noCoverage: 3, explained: 4 },
  ...{ filesMeasured: 7, filesChanged: 0, filesInAll: 7 },
};
const rowOf = (changes: object) =>
  mutationSection([{ ...report, ...changes }])
    .split('\n')
    .find((line) => line.startsWith('| [thing]'));

it.each([
  ['met', {}, '85 | 85 | met | 85 | 5 | 12 | 3 | 4 | 7 | 0'],
  ['missed', { score: 84.9 }, '84.9 | 85 | missed | 85 | 5 | 12 | 3 | 4 | 7 | 0'],
  ['not complete', { filesMeasured: 3 }, '85 | 85 | not complete | 85 | 5 | 12 | 3 | 4 | 3 of 7 | 0'],
  ['not complete', { filesChanged: 2 }, '85 | 85 | not complete | 85 | 5 | 12 | 3 | 4 | 7 | 2'],
])('the goal of a mutation score is %s with %j', (_verdict, changes, row) => {
  expect(rowOf(changes)).toBe(`| [thing](mutation/thing.json) | ${row} |`);
});

it('the section on mutation testing says when no package has been measured', () => {
  expect(mutationSection([])).toContain('No package is measured yet.');
});
