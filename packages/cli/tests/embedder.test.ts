import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadTextEmbedder } from '../src/embedding/module-text-embedder.js';
import { runBin } from './run-bin.js';
import { runHere } from './run-here.js';
import { temporaryFolder } from './temporary-folder.js';

/** Two dimensions: what a text says about bread, and about stars. */
const GOOD = `
export const dimensions = 2;
export async function embed(texts) {
  console.log('loading the model');
  return texts.map((text) => (/bread|dough|loaf|rye/i.test(text) ? [1, 0] : [0, 1]));
}`;
const FILES = {
  'texts/bread.md': '# Sourdough\n\nFlour, water, salt and patience.\n',
  'texts/stars.txt': 'Betelgeuse is a red supergiant.\n',
};

describe('search with --embedder', () => {
  test('ranks by the vectors of the module, and keeps standard output clean', async () => {
    const folder = await temporaryFolder({ ...FILES, 'embedder.mjs': GOOD });
    // No passage contains the word of the query.
    const args = ['search', '--dir', 'texts', '--query', 'rye loaf', '--embedder', './embedder.mjs', '--json'];
    const { status, stdout, stderr } = runBin(args, folder);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^(loading the model\n)+$/);
    expect(JSON.parse(stdout).results.map(({ file }: { file: string }) => file)).toEqual([
      join('texts', 'bread.md'),
      join('texts', 'stars.txt'),
    ]);
  });

  test.each<[string, string, string]>([
    ['an import that throws', 'throw new Error("no model");', 'importing the module failed: no model'],
    ['an import that throws no error', 'throw null;', 'importing the module failed: null'],
    ['a missing dependency', 'import "no-such-package-at-all";', "Cannot find package 'no-such-package-at-all'"],
    ['no dimensions', 'export const embed = () => [];', "expected the export 'dimensions' to be a whole number from 1"],
    [
      'dimensions as text',
      'export const dimensions = "2"; export const embed = () => [];',
      "got '2'; write export const",
    ],
    ['dimensions of 0', 'export const dimensions = 0; export const embed = () => [];', 'got 0'],
    ['dimensions of NaN', 'export const dimensions = NaN; export const embed = () => [];', 'got NaN'],
    [
      'far too many dimensions',
      'export const dimensions = 1e12; export const embed = () => [];',
      'from 1 to 65536, got 1000000000000',
    ],
    ['no embed', 'export const dimensions = 2;', "expected the export 'embed' to be a function, got undefined"],
    ['embed that is no function', 'export const dimensions = 2; export const embed = {};', 'got an object'],
    ['embed that throws', embedding('throw new Error("out of tokens")'), 'embed() failed: out of tokens'],
    ['embed that rejects with nothing', embedding('return Promise.reject()'), 'embed() failed: undefined'],
    [
      'embed that throws a revoked proxy',
      embedding('const p = Proxy.revocable({}, {}); p.revoke(); throw p.proxy'),
      'embed() failed: an object that cannot be read',
    ],
    [
      'embed that throws a symbol as message',
      embedding('throw Object.assign(new Error(), { message: Symbol("x") })'),
      'embed() failed: an object',
    ],
    ['nothing returned', embedding(''), 'expected embed() to return an array of 1 vectors, got undefined'],
    [
      'a single vector',
      embedding('return new Float32Array(2)'),
      'expected embed() to return an array of 1 vectors, got a typed array',
    ],
    [
      'too few vectors',
      embedding('return texts.slice(1).map(() => [1, 2])'),
      'expected embed() to return 1 vectors for 1 texts, got 0',
    ],
    ['too many vectors', embedding('return [[1, 2], [3, 4]]'), 'got 2'],
    [
      'a vector of the wrong length',
      embedding('return texts.map(() => [1, 2, 3])'),
      'vector 0 has 3 values, but the module exports dimensions = 2',
    ],
    [
      'a vector that is no array',
      embedding('return texts.map(() => 5)'),
      'expected vector 0 to be an array or a Float32Array of numbers, got 5',
    ],
    ['a vector of text', embedding('return texts.map(() => ["1", "2"])'), "got '1' in vector 0 at 0"],
    ['a vector with a hole', embedding('return texts.map(() => [1, , ])'), 'got undefined in vector 0 at 1'],
    [
      'a revoked proxy as vector',
      embedding('const p = Proxy.revocable([], {}); p.revoke(); return [p.proxy]'),
      'a proxy that has been revoked',
    ],
    ['NaN', embedding('return texts.map(() => [1, NaN])'), 'expected finite float32 numbers, got NaN in vector 0 at 1'],
    ['a number above float32', embedding('return texts.map(() => [1e300, 1])'), 'got 1e+300 in vector 0 at 0'],
    ['bigints', embedding('return texts.map(() => new BigInt64Array(2))'), 'got 0 in vector 0 at 0'],
    [
      'vectors that fail only for passages',
      embedding('return texts.map((t) => (t.includes("Flour") ? [1] : [1, 2]))'),
      'vector 0 has 1 values',
    ],
  ])('prints one line and no result: %s', async (_name, code, message) => {
    const folder = await temporaryFolder({ ...FILES, 'embedder.mjs': code });
    const args = ['search', '--dir', 'texts', '--query', 'rye', '--embedder', 'embedder.mjs', '--json'];
    const { status, stdout, stderr } = await runHere(args, folder);
    expect(stderr).toMatch(/^gearshift: [^\n]+\n$/);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^gearshift: --embedder embedder\.mjs: /);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });

  test.each<[string, string, number, string]>([
    [
      'a syntax error',
      'export const dimensions = ;',
      2,
      '--embedder embedder.mjs: importing the module failed: Unexpected token',
    ],
    [
      'embed that throws',
      embedding('throw new Error("out of tokens")'),
      2,
      '--embedder embedder.mjs: embed() failed: out of tokens',
    ],
    [
      'an error in a timer',
      embedding('setTimeout(() => { throw new Error("late") }, 1); await new Promise(() => {})'),
      1,
      'late',
    ],
  ])('ends its process with one line and no result: %s', async (_name, code, exitCode, message) => {
    const folder = await temporaryFolder({ ...FILES, 'embedder.mjs': code });
    const args = ['search', '--dir', 'texts', '--query', 'rye', '--embedder', 'embedder.mjs', '--json'];
    const { status, stdout, stderr } = runBin(args, folder);
    expect(stderr).toMatch(/^gearshift: [^\n]+\n$/);
    expect(stderr.startsWith(`gearshift: ${message}`)).toBe(true);
    expect({ status, stdout }).toEqual({ status: exitCode, stdout: '' });
  });

  test.each([
    ['a missing file', 'gone.mjs', 'cannot read the file (ENOENT)'],
    ['a folder', 'texts', 'expected a regular file, got a folder'],
  ])('refuses %s', async (_name, path, message) => {
    const folder = await temporaryFolder(FILES);
    const { status, stderr } = await runHere(['search', '-d', 'texts', '-q', 'rye', '--embedder', path], folder);
    expect(stderr).toBe(`gearshift: --embedder ${path}: ${message}\n`);
    expect(status).toBe(2);
  });

  test('cannot be combined with --vectors', async () => {
    const { status, stderr } = await runHere(['search', '--vectors', 'a', '--query-vectors', 'b', '--embedder', 'c']);
    expect(stderr).toContain('--embedder cannot be combined with --vectors');
    expect(status).toBe(2);
  });
});

describe('loadTextEmbedder', () => {
  test.each([
    ['a call', embedding('return new Promise(() => {})'), 'embed() failed: no result within 3 seconds'],
    ['an import', 'await new Promise(() => {});', 'importing the module failed: no result within 3 seconds'],
  ])('gives up %s that never settles', async (_name, code, message) => {
    const folder = await temporaryFolder({ 'embedder.mjs': code });
    // Long enough for a busy machine to import the module.
    await expect(loadTextEmbedder(join(folder, 'embedder.mjs'), 3000)).rejects.toThrow(message);
  });

  test('passes copies of the texts, in batches, and reports the progress', async () => {
    const folder = await temporaryFolder({
      'embedder.mjs': embedding('const sizes = texts.map(() => [texts.length, 0]); texts.length = 0; return sizes'),
    });
    const embedder = await loadTextEmbedder(join(folder, 'embedder.mjs'));
    const done: number[] = [];
    const values = await embedder.embedPassages(new Array<string>(70).fill('x'), (count) => void done.push(count));
    expect([values[0], values[2 * 32], values[2 * 69]]).toEqual([32, 32, 6]);
    expect(done).toEqual([32, 64, 70]);
    expect(globalThis.console).toBe(console);
  });
});

function embedding(body: string): string {
  return `export const dimensions = 2; export async function embed(texts) { ${body} }`;
}
