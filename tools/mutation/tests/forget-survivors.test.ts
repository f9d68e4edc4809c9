import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { forgetSurvivors } from '../src/forget-survivors.mjs';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gearshift-incremental-'));
  file = join(folder, 'incremental.json');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const mutants = ['Killed', 'Survived', 'NoCoverage', 'Timeout'].map((status) => ({ status }));
const write = () => writeFileSync(file, JSON.stringify({ testFiles: {}, files: { 'src/a.ts': { mutants } } }));
const statuses = () =>
  JSON.parse(readFileSync(file, 'utf8')).files['src/a.ts'].mutants.map(({ status }: { status: string }) => status);

it('forgetSurvivors keeps every result while the tests are unchanged', () => {
  forgetSurvivors(file, 'tests');
  expect(existsSync(file)).toBe(false);
  write();
  forgetSurvivors(file, 'tests');
  expect(statuses()).toEqual(['Killed', 'Survived', 'NoCoverage', 'Timeout']);
});

it('forgetSurvivors keeps only the found mutants after a change of the tests', () => {
  forgetSurvivors(file, 'tests');
  write();
  forgetSurvivors(file, 'other tests');
  expect(statuses()).toEqual(['Killed']);
});

it('forgetSurvivors treats results without a hash of their tests as results of other tests', () => {
  write();
  forgetSurvivors(file, 'tests');
  expect(statuses()).toEqual(['Killed']);
});
