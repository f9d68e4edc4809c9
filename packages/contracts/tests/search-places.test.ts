import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll, expect, test } from 'vitest';
import { requireFrom, resolveFrom, searchPlaces } from '../src/internal.js';

const SOURCE = fileURLToPath(new URL('../src/search-places.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'gearshift-places-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A folder with a program and one installed package; returns the path of the program. */
function programWith(name: string, code: string): string {
  const home = join(folder, `with-${name}`);
  mkdirSync(join(home, 'node_modules', name), { recursive: true });
  writeFileSync(join(home, 'node_modules', name, 'index.js'), code);
  return join(home, 'program.js');
}

test('searchPlaces has the module and the bundle that contains it, without duplicates', () => {
  // vitest defines __filename, as a CommonJS bundle does.
  expect(searchPlaces(import.meta.url)).toEqual([fileURLToPath(import.meta.url), SOURCE]);
  expect(searchPlaces(pathToFileURL(SOURCE).href)).toEqual([SOURCE]);
});

test('searchPlaces leaves out an address that is not a file', () => {
  for (const url of [undefined, 'https://example.com/x.js', 'not an address', '']) {
    expect(searchPlaces(url)).toEqual([SOURCE]);
  }
});

test('searchPlaces has the program if neither the module nor the bundle is known, as in a moved ES module of webpack', () => {
  const program = join(folder, 'program.mjs');
  const code = ts.transpile(readFileSync(SOURCE, 'utf8'), {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
  });
  writeFileSync(program, `${code}\nconsole.log(JSON.stringify(searchPlaces('file:///build/machine/x.js')));`);
  const { stdout } = spawnSync(process.execPath, [program], { encoding: 'utf8' });
  expect(JSON.parse(stdout)).toEqual(['/build/machine/x.js', program]);
  const without = spawnSync(process.execPath, ['--input-type=module', '--eval', readFileSync(program, 'utf8'), 'word']);
  expect(JSON.parse(String(without.stdout))).toEqual(['/build/machine/x.js']);
});

test('requireFrom loads a package that only a later place finds', () => {
  const other = programWith('only-here', 'module.exports = 7;');
  expect(requireFrom(['/nowhere/bundle.js', other], 'only-here')).toBe(7);
  expect(resolveFrom(['/nowhere/bundle.js', other], 'only-here')).toBe(
    join(folder, 'with-only-here/node_modules/only-here/index.js'),
  );
});

test('requireFrom throws the error of a package that is found and does not load, not that of a place without it', () => {
  const broken = programWith('broken', 'throw new Error("wrong system");');
  expect(() => requireFrom([broken, '/nowhere/bundle.js'], 'broken')).toThrow('wrong system');
});

test('requireFrom names all places when none finds the package', () => {
  const attempt = () => requireFrom(['/nowhere/a.js', '/nowhere/b.js'], 'not-installed');
  expect(attempt).toThrow("Cannot find module 'not-installed' from /nowhere/a.js or /nowhere/b.js");
  expect(attempt).toThrow(expect.objectContaining({ code: 'MODULE_NOT_FOUND' }));
  expect(resolveFrom(['/nowhere/a.js'], 'not-installed')).toBeUndefined();
});
