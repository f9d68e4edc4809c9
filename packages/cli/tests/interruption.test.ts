import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { npyBytes } from './npy-bytes.js';
import { BIN } from './run-bin.js';
import { temporaryFolder } from './temporary-folder.js';

const SHOW_CURSOR = '\u001b[?25h';
const HIDE_CURSOR = '\u001b[?25l';
const WRAP_LINES = '\u001b[?7h';
const CTRL_C = '\u0003';

/** `script` of util-linux runs a command in a terminal of its own and prints what that terminal receives. */
const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;
const inTerminal = test.skipIf(!hasScript);

interface Ended {
  readonly status: number | null;
  /** All that the terminal received. */
  readonly output: string;
}

/** Runs `gearshift` in a terminal, and calls `interrupt` once when the output contains `sign`. */
function runInTerminal(
  command: string,
  folder: string,
  sign: string,
  interrupt: (type: (keys: string) => void) => void,
): Promise<Ended> {
  const child = spawn('script', ['-qefc', `exec '${process.execPath}' '${BIN}' ${command}`, '/dev/null'], {
    cwd: folder,
    env: { ...process.env, SHELL: '/bin/sh' },
  });
  let output = '';
  let isInterrupted = false;
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
    if (isInterrupted || !output.includes(sign)) return;
    isInterrupted = true;
    interrupt((keys) => child.stdin.write(keys));
  });
  return new Promise((resolve) => {
    child.once('close', (status) => resolve({ status, output }));
  });
}

function expectRestored(output: string): void {
  expect(output).toContain(HIDE_CURSOR);
  const after = output.slice(output.lastIndexOf(HIDE_CURSOR));
  expect(after).toContain(SHOW_CURSOR);
  expect(after).toContain(WRAP_LINES);
}

inTerminal.for([
  'bench --backends cpu',
  'calibrate --backends cpu --output calibration.json',
  'search --dir texts --query words',
])('Ctrl-C restores the terminal, leaves no file and exits with code 130 (needs script): %s', async (command) => {
  const text = Array.from({ length: 40_000 }, (_value, index) => `word${index} `).join('');
  const texts = command.startsWith('search') ? Array.from({ length: 60 }, (_v, n) => [`texts/${n}.txt`, text]) : [];
  const folder = await temporaryFolder(Object.fromEntries(texts) as Record<string, string>);
  const { status, output } = await runInTerminal(command, folder, HIDE_CURSOR, (type) => type(CTRL_C));
  expectRestored(output);
  expect(status).toBe(130);
  expect(await readdir(folder)).toEqual(texts.length > 0 ? ['texts'] : []);
});

/** A file of 4 GiB of zeros that takes no space. */
async function writeSparseVectors(path: string): Promise<void> {
  const dimensions = 512;
  const rows = 2 ** 20;
  await writeFile(path, npyBytes({ descr: "'<f8'", shape: `(${rows}, ${dimensions})`, data: new Uint8Array(0) }));
  await truncate(path, (await stat(path)).size + rows * dimensions * 8);
}

inTerminal.for(['convert in.npy out.npy --dtype float16', 'convert in.npy out.npy --dtype float16 --force'])(
  'Ctrl-C during a conversion restores the terminal and leaves no new file (needs script): %s',
  async (command) => {
    const isForced = command.endsWith('--force');
    const folder = await temporaryFolder(isForced ? { 'out.npy': 'earlier' } : {});
    await writeSparseVectors(join(folder, 'in.npy'));
    const { status, output } = await runInTerminal(command, folder, HIDE_CURSOR, (type) => type(CTRL_C));
    expectRestored(output);
    expect(status).toBe(130);
    expect((await readdir(folder)).sort()).toEqual(isForced ? ['in.npy', 'out.npy'] : ['in.npy']);
    if (isForced) expect(await readFile(join(folder, 'out.npy'), 'utf8')).toBe('earlier');
  },
);

test.skipIf(process.platform === 'win32')('SIGTERM during a conversion leaves no new file', async () => {
  const folder = await temporaryFolder();
  await writeSparseVectors(join(folder, 'in.npy'));
  const child = spawn(process.execPath, [BIN, 'convert', 'in.npy', 'out.npy'], { cwd: folder });
  // It is at work as soon as there is a second file.
  while ((await readdir(folder)).length < 2) await setImmediate();
  child.kill('SIGTERM');
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(143);
  expect(await readdir(folder)).toEqual(['in.npy']);
});

inTerminal('an interrupted calibration keeps the file of an earlier one (needs script)', async () => {
  const folder = await temporaryFolder({ 'calibration.json': '{"earlier":true}' });
  const command = 'calibrate --backends cpu --output calibration.json';
  const { status } = await runInTerminal(command, folder, HIDE_CURSOR, (type) => type(CTRL_C));
  expect(status).toBe(130);
  expect(await readdir(folder)).toEqual(['calibration.json']);
  expect(await readFile(join(folder, 'calibration.json'), 'utf8')).toBe('{"earlier":true}');
});

/** Reports over IPC that the program handles this signal. */
const reporterOf = (signal: string) =>
  `process.on('newListener', (name) => name === '${signal}' && setImmediate(() => process.send('handled')))`;

test.skipIf(process.platform === 'win32').for([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends a long command with exit code %i, without a message', async ([signal, code]) => {
  const folder = await temporaryFolder();
  const args = ['calibrate', '--backends', 'cpu', '--output', join(folder, 'calibration.json')];
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(reporterOf(signal))}`];
  const child = spawn(process.execPath, [...preload, BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
  const closed = new Promise((resolve) => child.once('close', resolve));
  await once(child, 'message');
  // The command takes many seconds. By now a machine that is not busy measures.
  await setTimeout(1000);
  child.kill(signal);
  const status = await closed;
  expect(status).toBe(code);
  expect(output).toBe('');
  expect(await readdir(folder)).toEqual([]);
});

inTerminal('a broken pipe of standard output restores the terminal of standard error (needs script)', async () => {
  const folder = await temporaryFolder();
  // The reader of standard output ends at once. Standard error is the terminal.
  const { output } = await runInTerminal('bench --backends cpu | true', folder, HIDE_CURSOR, () => undefined);
  expectRestored(output);
});
