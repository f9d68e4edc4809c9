import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { npyBytes } from './npy-bytes.js';
import { BIN, runBin } from './run-bin.js';
import { runHere } from './run-here.js';
import { temporaryFolder } from './temporary-folder.js';

const BREAD = '# Bread\n\nSourdough needs flour, water, salt and patience.\n';
const BREAKER = '# Breaker\n\nThe circuit breaker opens after four faults in a row.\n';
const STARS = 'Betelgeuse is a red supergiant in the constellation of Orion.\n';
const FILES = { 'bread.md': BREAD, 'notes/breaker.md': BREAKER, 'stars.txt': `\n\n${STARS}` };
const BINARY = new Uint8Array([1, 0, 2, 0]);

describe('search over text', () => {
  test('prints the best passage first, with its file and line', async () => {
    const folder = await temporaryFolder(FILES);
    const { status, stdout, stderr } = runBin(
      ['search', '--dir', '.', '--query', 'red supergiant', '--k', '2'],
      folder,
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^"red supergiant" in 3 passages of 3 files in \.\n\n1\. 0\.\d{4} {2}stars\.txt:3\n {3}\| Betelgeuse/,
    );
    expect(stdout.match(/^\d\. /gm)).toHaveLength(2);
    expect(stdout).toMatch(/^Answered by cpu in [\d.]+(e-\d)? ms because there is no GPU backend: \S.* build\.$/m);
    // The figures of the snapshot are for --json.
    expect(stdout).not.toMatch(/cpuAvgMs|oomCount/);
  });

  test('prints one JSON object and nothing else with --json', async () => {
    const folder = await temporaryFolder({ ...FILES, 'picture.png': BINARY });
    const { status, stdout, stderr } = runBin([
      'search',
      '--dir',
      folder,
      '--query',
      'when does the breaker open',
      '--json',
    ]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout.trimEnd()).not.toContain('\n');
    const report = JSON.parse(stdout);
    expect(Object.keys(report)).toEqual(['query', 'results', 'backend', 'decision', 'latencyMs', 'snapshot']);
    expect(report).toMatchObject({
      query: 'when does the breaker open',
      backend: 'cpu',
      decision: { backend: 'cpu', device: 'cpu', reason: 'no-device', policy: 'adaptive' },
    });
    expect(report.results).toHaveLength(3);
    expect(report.results[0]).toEqual({
      score: expect.closeTo(0.5, 0),
      file: join(folder, 'notes', 'breaker.md'),
      line: 1,
      text: BREAKER.trimEnd(),
    });
    expect(report.results.map(({ score }: { score: number }) => score)).toEqual(
      report.results.map(({ score }: { score: number }) => score).sort((a: number, b: number) => b - a),
    );
    expect(report.latencyMs).toBeGreaterThan(0);
    expect(report.snapshot.cpuAvgMs).toBeGreaterThan(0);
    expect(report.snapshot).toMatchObject({ speedup: 0, successRate: 1, oomCount: 0 });
  });

  test('leaves out excluded files and folders', async () => {
    const folder = await temporaryFolder(FILES);
    const args = ['search', '-d', folder, '-q', 'salt', '--exclude', 'notes', '--exclude', 'stars.txt', '--json'];
    const { results } = JSON.parse((await runHere(args)).stdout);
    expect(results.map(({ file }: { file: string }) => file)).toEqual([join(folder, 'bread.md')]);
  });

  test('gives the same results in every run', async () => {
    const folder = await temporaryFolder(FILES);
    const args = ['search', '-d', folder, '-q', 'salt', '-k', '3', '--json'];
    const { results } = JSON.parse((await runHere(args)).stdout);
    expect(JSON.parse(runBin(args).stdout).results).toEqual(results);
    expect(JSON.parse((await runHere(args)).stdout).results).toEqual(results);
  });

  test('ranks a passage by the heading above it too', async () => {
    const filler = 'Dough rests on the table. '.repeat(30).trim();
    const section = (heading: string): string => `## ${heading}\n\n${filler}\n\nThen ${filler}\n`;
    const folder = await temporaryFolder({ 'a.md': `${section('Proving')}\n${section('Kneading')}` });
    const { results } = JSON.parse((await runHere(['search', '-d', folder, '-q', 'kneading', '--json'])).stdout);
    // The second passage of that section does not contain the word, but still ranks before the other section.
    expect(results.map(({ line }: { line: number }) => line).slice(0, 2)).toEqual([7, 11]);
  });

  test('names skipped files on standard error and still prints results', async () => {
    const folder = await temporaryFolder({ ...FILES, 'huge.log': 'x'.repeat(5 * 2 ** 20) });
    const { status, stdout, stderr } = await runHere(['search', '-d', folder, '-q', 'salt', '--json']);
    expect(stderr).toBe(`gearshift: skipped ${join(folder, 'huge.log')}: 5.0 MiB, the limit is 4.0 MiB\n`);
    expect(status).toBe(0);
    expect(JSON.parse(stdout).results).toHaveLength(3);
  });

  test.skipIf(process.platform !== 'linux')(
    'names a file with a name that is not UTF-8, and finds the rest of its folder (needs Linux)',
    async () => {
      const folder = await temporaryFolder(FILES);
      await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from('br\u00f6d.txt', 'latin1')]), 'salt');
      const { status, stdout, stderr } = await runHere(['search', '-d', folder, '-q', 'salt', '--json']);
      expect(stderr).toBe(`gearshift: skipped ${join(folder, 'br\ufffdd.txt')}: the name is not UTF-8; rename it\n`);
      expect(status).toBe(0);
      expect(JSON.parse(stdout).results).toHaveLength(3);
    },
  );

  test('removes escape sequences of files from the output', async () => {
    const folder = await temporaryFolder({ 'a.txt': 'evil \u001b]0;title\u0007 salt' });
    const { stdout } = await runHere(['search', '-d', folder, '-q', 'salt']);
    expect(stdout).toContain('evil');
    expect(stdout).not.toContain('\u001b');
  });
});

describe('search over vectors', () => {
  const corpus = npyBytes({ shape: '(3, 2)', data: new Float32Array([1, 0, 0, 1, 3, 3]) });

  test('prints the best rows for each query', async () => {
    const queries = npyBytes({ descr: "'<f8'", shape: '(2, 2)', data: new Float64Array([0, 2, 5, 0]) });
    const folder = await temporaryFolder({ 'c.npy': corpus, 'q.npy': queries });
    const args = ['search', '--vectors', 'c.npy', '--query-vectors', 'q.npy', '--k', '2'];
    const { status, stdout, stderr } = runBin([...args, '--json'], folder);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const { results, ...facts } = JSON.parse(stdout);
    const diagonal = expect.closeTo(Math.SQRT1_2, 5);
    expect(results).toEqual([
      { query: 0, row: 1, score: 1 },
      { query: 0, row: 2, score: diagonal },
      { query: 1, row: 0, score: 1 },
      { query: 1, row: 2, score: diagonal },
    ]);
    expect(facts).toMatchObject({ query: 'q.npy', backend: 'cpu', decision: { reason: 'no-device' } });

    const forPeople = await runHere(args, folder);
    expect(forPeople.stdout).toMatch(
      /^q\.npy in 3 vectors in c\.npy\n\nquery 0 {2}row 1 {2}1\.0000\nquery 0 {2}row 2 {2}0\.7071\n/,
    );
  });

  test('accepts a one-dimensional query file, and a k larger than the number of rows', async () => {
    const query = npyBytes({ shape: '(2,)', data: new Float32Array([0, 1]) });
    const folder = await temporaryFolder({ 'c.npy': corpus, 'q.npy': query });
    const { stdout } = await runHere(
      ['search', '--vectors', 'c.npy', '--query-vectors', 'q.npy', '--k', '99', '--json'],
      folder,
    );
    expect(JSON.parse(stdout).results.map(({ row }: { row: number }) => row)).toEqual([1, 2, 0]);
  });

  test('reports values that overflow float32, and writes a NaN score as null', async () => {
    const query = npyBytes({ descr: "'<f8'", shape: '(2,)', data: new Float64Array([1e300, 1]) });
    const folder = await temporaryFolder({ 'c.npy': corpus, 'q.npy': query });
    const { stdout, stderr } = await runHere(
      ['search', '--vectors', 'c.npy', '--query-vectors', 'q.npy', '--json'],
      folder,
    );
    expect(stderr).toBe('gearshift: q.npy: 1 values too large for float32 became infinite\n');
    expect(JSON.parse(stdout).results[0].score).toBeNull();
  });
});

describe('bad input', () => {
  const vector = (dimensions: number): Uint8Array =>
    npyBytes({ shape: `(1, ${dimensions})`, data: new Float32Array(dimensions).fill(1) });
  const files = {
    'text/a.txt': 'words',
    'binary/a.bin': BINARY,
    'v2.npy': vector(2),
    'v3.npy': vector(3),
    'v6.npy': npyBytes({ shape: '(6,)', data: new Float32Array(6).fill(1) }),
    'i8.npy': npyBytes({ descr: "'<i8'", shape: '(1, 2)', data: new BigInt64Array(2) }),
    'cut.npy': vector(3).subarray(0, -1),
    'line\nbreak/a.bin': BINARY,
  };
  const text = ['search', '--dir', 'text', '--query', 'words'];

  test.each<[string, string[], string]>([
    ['no command', [], 'no command given'],
    ['an unknown command', ['serach'], "unknown command 'serach'"],
    ['an unknown option', [...text, '--jsno'], "unknown option '--jsno'"],
    ['an unknown option of the program', ['--frob'], "unknown option '--frob'"],
    ['a misspelt option', [...text, '--jsno'], 'Did you mean --json?'],
    ['a misspelt option of bench', ['bench', '--backend', 'cpu'], 'Did you mean --backends?'],
    ['a misspelt option of calibrate', ['calibrate', '--ouput', 'x'], 'Did you mean --output?'],
    ['a misspelt option of doctor', ['doctor', '--jsn'], 'Did you mean --json?'],
    ['an option of another command', ['bench', '--query', 'x'], "unknown option '--query'"],
    [
      'an option in camel case',
      ['search', '--vectors', 'v2.npy', '--queryVectors', 'v2.npy'],
      "unknown option '--queryVectors'",
    ],
    ['an option without its value', ['search', '--dir'], "option '-d, --dir <folder>' argument missing"],
    ['an argument too many', [...text, 'more'], 'too many arguments'],
    ['no folder', ['search', '--query', 'words'], '--dir FOLDER is missing'],
    ['no query', ['search', '--dir', 'text'], '--query "words" is missing; see gearshift search --help'],
    ['nothing at all', ['search'], '--dir FOLDER is missing'],
    ['an empty query', ['search', '--dir', 'text', '--query', ' '], '--query: expected words, got an empty text'],
    ['a query without words', ['search', '--dir', 'text', '--query', '?!'], "--query: expected words, got '?!'"],
    ['k of 0', [...text, '--k', '0'], 'expected a whole number of at least 1'],
    ['a negative k', [...text, '--k', '-3'], 'expected a whole number of at least 1'],
    ['a fractional k', [...text, '--k', '1.5'], 'expected a whole number of at least 1'],
    ['k in another notation', [...text, '--k', '1e3'], 'expected a whole number of at least 1'],
    ['k that is no number', [...text, '--k', 'ten'], 'expected a whole number of at least 1'],
    ['an endless k', [...text, '--k', '99999999999999999999'], 'expected a whole number of at least 1'],
    ['a missing folder', ['search', '--dir', 'gone', '--query', 'x'], '--dir gone: cannot read the folder (ENOENT)'],
    [
      'a file for a folder',
      ['search', '--dir', 'v2.npy', '--query', 'x'],
      '--dir v2.npy: expected a folder, got a file',
    ],
    ['only binary files', ['search', '--dir', 'binary', '--query', 'x'], 'the folder contains only binary files'],
    ['a name with a line break', ['search', '--dir', 'line\nbreak', '--query', 'x'], '--dir line break: '],
    [
      'a path to exclude',
      [...text, '--exclude', 'docs/api'],
      'expected the name of a file or folder, without its path',
    ],
    ['both ways to search', [...text, '--vectors', 'v2.npy'], 'cannot be combined'],
    [
      'vectors without queries',
      ['search', '--vectors', 'v2.npy'],
      '--query-vectors FILE.npy is missing; see gearshift search --help',
    ],
    [
      'queries without vectors',
      ['search', '--query-vectors', 'v2.npy'],
      '--vectors FILE.npy is missing; see gearshift search --help',
    ],
    ['missing vectors', ['search', '--vectors', 'gone.npy', '--query-vectors', 'v2.npy'], 'gone.npy: cannot read'],
    [
      'dimensions that differ',
      ['search', '--vectors', 'v2.npy', '--query-vectors', 'v3.npy'],
      'v3.npy: vectors of 3 dimensions, expected 2 as in v2.npy',
    ],
    [
      'one query of twice the dimensions',
      ['search', '--vectors', 'v3.npy', '--query-vectors', 'v6.npy'],
      'v6.npy: vectors of 6 dimensions, expected 3 as in v3.npy',
    ],
    ['a wrong dtype', ['search', '--vectors', 'v2.npy', '--query-vectors', 'i8.npy'], 'i8.npy: dtype <i8'],
    ['a truncated file', ['search', '--vectors', 'cut.npy', '--query-vectors', 'v3.npy'], 'cut.npy: truncated'],
  ])('prints one line on standard error and exits with code 2: %s', async (_name, args, message) => {
    const folder = await temporaryFolder(files);
    for (const all of [args, [...args, '--json']]) {
      const { status, stdout, stderr } = await runHere(all, folder);
      expect(stderr).toMatch(/^gearshift: [^\n]+\n$/);
      if (all === args) expect(stderr).toContain(message);
      expect(stdout).toBe('');
      expect(status).toBe(2);
    }
  });

  test.each<[string, string[], string]>([
    ['no command', [], 'gearshift: no command given; see gearshift --help\n'],
    [
      'a missing folder',
      ['search', '-d', 'gone', '-q', 'x'],
      'gearshift: --dir gone: cannot read the folder (ENOENT)\n',
    ],
  ])('ends the process with one line on standard error and exit code 2: %s', async (_name, args, message) => {
    const folder = await temporaryFolder(files);
    expect(runBin(args, folder)).toMatchObject({ status: 2, stdout: '', stderr: message });
  });
});

describe.skipIf(process.platform === 'win32')('special files', () => {
  test.each<[string, string[], string]>([
    [
      'a named pipe as vectors',
      ['--vectors', 'pipe', '--query-vectors', 'v.npy'],
      'pipe: expected a regular file, got a named pipe',
    ],
    [
      'a named pipe as queries',
      ['--vectors', 'v.npy', '--query-vectors', 'pipe'],
      'pipe: expected a regular file, got a named pipe',
    ],
    [
      'a link to a pipe',
      ['--vectors', 'link', '--query-vectors', 'v.npy'],
      'link: expected a regular file, got a named pipe',
    ],
    [
      'a device',
      ['--vectors', '/dev/zero', '--query-vectors', 'v.npy'],
      '/dev/zero: expected a regular file, got a device',
    ],
    ['a folder', ['--vectors', '.', '--query-vectors', 'v.npy'], '.: expected a regular file, got a folder'],
    ['a socket', ['--vectors', 'socket', '--query-vectors', 'v.npy'], 'socket: expected a regular file, got a socket'],
    ['a named pipe as folder', ['--dir', 'pipe', '--query', 'x'], '--dir pipe: expected a folder, got a file'],
  ])('are refused at once, with exit code 2: %s', async (_name, args, message) => {
    const folder = await temporaryFolder({ 'v.npy': npyBytes({ shape: '(1, 2)', data: new Float32Array(2).fill(1) }) });
    expect(spawnSync('mkfifo', [join(folder, 'pipe')]).status).toBe(0);
    await symlink('pipe', join(folder, 'link'));
    const server = createServer().listen(join(folder, 'socket'));
    await once(server, 'listening');
    const { status, stdout, stderr } = await runHere(['search', ...args], folder);
    await new Promise((resolve) => server.close(resolve));
    expect(stderr).toMatch(/^gearshift: [^\n]+\n$/);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  test('end the process at once', async () => {
    const folder = await temporaryFolder({ 'v.npy': npyBytes({ shape: '(1, 2)', data: new Float32Array(2).fill(1) }) });
    expect(spawnSync('mkfifo', [join(folder, 'pipe')]).status).toBe(0);
    const { status, stdout, stderr } = runBin(['search', '--vectors', 'v.npy', '--query-vectors', 'pipe'], folder);
    expect(stderr).toBe('gearshift: pipe: expected a regular file, got a named pipe; save its data to a file first\n');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  test('in a searched folder are left out', async () => {
    const folder = await temporaryFolder(FILES);
    expect(spawnSync('mkfifo', [join(folder, 'pipe')]).status).toBe(0);
    await symlink('pipe', join(folder, 'link'));
    await symlink('/dev/zero', join(folder, 'zero'));
    const { status, stdout, stderr } = await runHere(['search', '-d', folder, '-q', 'salt', '--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout).results).toHaveLength(3);
  });

  test('are not replaced by the file of calibrate', async () => {
    const { status, stderr } = await runHere(['calibrate', '--backends', 'cpu', '--output', '/dev/null']);
    expect(stderr).toBe('gearshift: --output: /dev/null: expected a regular file, got a device\n');
    expect(status).toBe(2);
  });
});

describe('characters that control the terminal', () => {
  const RIGHT_TO_LEFT = '\u202e';
  // eslint-disable-next-line no-control-regex -- finding control characters is the point
  const HOSTILE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
  const name = `${RIGHT_TO_LEFT}txt.\u2066exe\u001b[2J\u009b`;

  test.each<[string, string[], number]>([
    ['a name and a passage of a result', ['search', '-d', '.', '-q', 'salt'], 0],
    ['a query', ['search', '-d', '.', '-q', `salt ${name}`], 0],
    ['JSON', ['search', '-d', '.', '-q', `salt ${name}`, '--json'], 0],
    ['a folder that does not exist', ['search', '-d', name, '-q', 'salt'], 2],
    ['a file of vectors', ['search', '--vectors', name, '--query-vectors', name], 2],
    ['an output file', ['calibrate', '-o', `gone/${name}`], 2],
    ['a backend', ['bench', '--backends', name], 2],
    ['a command', [name], 2],
    ['an option', ['search', `--${name}`], 2],
    ['a number', ['search', '--k', name], 2],
  ])('do not reach it: %s', async (_case, args, code) => {
    const folder = await temporaryFolder({ [`a${name}.txt`]: `salt ${name} and pepper` });
    const { status, stdout, stderr } = await runHere(args, folder);
    expect(stdout + stderr).not.toBe('');
    expect(status).toBe(code);
    expect(stdout).not.toMatch(HOSTILE);
    expect(stderr).not.toMatch(HOSTILE);
    if (args.includes('--json')) {
      expect(JSON.parse(stdout).query).toBe(args[4]);
      expect(JSON.parse(stdout).results[0].file).toBe(`a${name}.txt`);
    }
  });
});

describe('the gearshift command', () => {
  test('prints the version of the package with --version', async () => {
    const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
    expect(runBin(['--version'])).toMatchObject({ status: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });

  test('lists commands and options with --help', async () => {
    expect(await runHere(['--help'])).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringContaining('search'),
    });
    const { status, stdout, stderr } = await runHere(['search', '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const option of ['--dir', '--query', '--vectors', '--query-vectors', '--k', '--json']) {
      expect(stdout).toContain(option);
    }
  });

  test('exits without an error when the reader closes the pipe', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 300 }, (_value, index) => [`${index}.txt`, `salt ${'pepper '.repeat(100)}`]),
    );
    const folder = await temporaryFolder(files);
    const child = spawn(process.execPath, [BIN, 'search', '-d', folder, '-q', 'salt', '-k', '300', '--json']);
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  test.skipIf(process.platform === 'win32')(
    'prints one line and exits with code 1 after an internal failure',
    async () => {
      const folder = await temporaryFolder(FILES);
      const preload = join(
        await temporaryFolder({
          'break.cjs': 'Float32Array.prototype.subarray = () => { throw new Error("broken\\nplatform"); };',
        }),
        'break.cjs',
      );
      const args = ['--require', preload, BIN, 'search', '-d', folder, '-q', 'salt'];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      expect(stderr).toBe('gearshift: broken platform\n');
      expect(stdout).toBe('');
      expect(status).toBe(1);
    },
  );

  test('is built as an executable file with a shebang line', async () => {
    expect((await readFile(BIN, 'utf8')).startsWith('#!/usr/bin/env node\n')).toBe(true);
  });

  test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'skips an unreadable file with a notice (cannot be tested as root)',
    async () => {
      const folder = await temporaryFolder({ ...FILES, 'secret.txt': 'x' });
      await chmod(join(folder, 'secret.txt'), 0);
      const { status, stderr } = await runHere(['search', '-d', folder, '-q', 'salt', '--json']);
      expect(stderr).toBe(`gearshift: skipped ${join(folder, 'secret.txt')}: EACCES\n`);
      expect(status).toBe(0);
    },
  );
});
