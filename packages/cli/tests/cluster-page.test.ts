import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNatsServer } from '@gearshift/nats-server';
import { describe, expect, test } from 'vitest';
import { npyBytes } from './npy-bytes.js';
import { BIN } from './run-bin.js';
import { temporaryFolder } from './temporary-folder.js';

const found = findNatsServer();
const needs = found.lacks === null ? '' : ` (needs ${found.lacks})`;

const page = readFileSync(new URL('../../../docs/cluster.md', import.meta.url), 'utf8');
const [start = '', ask = '', ...others] = [...page.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, commands]) => commands);
const [, status = ''] = /`(gearshift cluster status [^`]+)`/.exec(page) ?? [];
const [, installed = ''] = /`npm install ([^`]+)`/.exec(page) ?? [];

const [ROWS, DIMENSIONS] = [200, 8];
const PATIENCE_MS = 90_000;

/** A port that was free a moment ago: the page uses the standard one, which may be taken. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function onPort(commands: string, port: number): string {
  const changed = commands
    .replace('nats-server -a 127.0.0.1', `nats-server -a 127.0.0.1 -p ${port}`)
    .replaceAll('--servers 127.0.0.1', `--servers 127.0.0.1:${port}`)
    .replaceAll("servers: '127.0.0.1'", `servers: '127.0.0.1:${port}'`);
  expect(changed.match(/127\.0\.0\.1/g)?.length).toBe(
    changed.match(new RegExp(`127\\.0\\.0\\.1(:| -p )${port}`, 'g'))?.length,
  );
  return changed;
}

/** A folder with the commands as they are after an installation: those of this checkout. */
async function prepareFolder(values: Float32Array): Promise<{ folder: string; bin: string }> {
  const folder = await temporaryFolder({
    'vectors.npy': npyBytes({ shape: `(${ROWS}, ${DIMENSIONS})`, data: values }),
  });
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const server = found.lacks === null ? found.path : '';
  const commands = {
    gearshift: `exec '${process.execPath}' '${BIN}' "$@"`,
    node: `exec '${process.execPath}' "$@"`,
    npm: `echo "$@" >> '${join(folder, 'npm-calls')}'`,
    'nats-server': `exec '${server}' "$@" 2> '${join(folder, 'nats.log')}'`,
  };
  for (const [name, command] of Object.entries(commands)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${command}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  mkdirSync(join(folder, 'node_modules/@gearshift'), { recursive: true });
  for (const name of installed.split(' ')) {
    const source = fileURLToPath(new URL(`../../${name.replace('@gearshift/', '')}`, import.meta.url));
    symlinkSync(source, join(folder, 'node_modules', name));
  }
  return { folder, bin };
}

/** Runs commands in a shell; whatever they started is ended at the end. */
async function runShell(script: string, cwd: string, bin: string) {
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` };
  const shell = spawn('bash', ['-euc', script], { cwd, env, detached: true });
  const endAll = (): void => {
    try {
      if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL');
    } catch {
      // None is left.
    }
  };
  const timer = setTimeout(endAll, PATIENCE_MS);
  let [stdout, stderr] = ['', ''];
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  shell.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code, signal] = (await once(shell, 'exit')) as [number | null, string | null];
  clearTimeout(timer);
  endAll();
  return { code, signal, stdout, stderr };
}

/** The rows with the best cosine similarity to a query of ones, in double precision. */
function bestRows(values: Float32Array, k: number): number[] {
  const scores = Array.from({ length: ROWS }, (_, row) => {
    const elements = [...values.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS)];
    const sum = elements.reduce((total, element) => total + element, 0);
    return sum / Math.sqrt(elements.reduce((total, element) => total + element ** 2, 0));
  });
  return scores
    .map((score, row) => ({ score, row }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k)
    .map(({ row }) => row);
}

describe.skipIf(found.lacks !== null)(`the page about a cluster on one laptop${needs}`, () => {
  test(
    'has commands that work as written, also after a worker was killed',
    { timeout: PATIENCE_MS + 10_000 },
    async () => {
      expect(others).toEqual([]);
      const values = Float32Array.from({ length: ROWS * DIMENSIONS }, (_, i) => Math.sin(i * i));
      const { folder, bin } = await prepareFolder(values);
      const port = await freePort();
      const isReady = `${onPort(status, port)} | grep -q '^cluster corpus: 3 workers'`;
      const script = [
        // A reader types more slowly than this shell, which may have a busy machine.
        onPort(start, port).replace(/^for .*$/m, (line) => `${line}\nuntil ${isReady}; do sleep 0.1; done`),
        'started=($(jobs -p))',
        'echo ---',
        onPort(status, port),
        'echo ---',
        onPort(ask, port),
        'echo ---',
        // The second one is the first worker: the server was started before.
        'kill -9 "${started[1]}"',
        'node ask.mjs',
        'echo ---',
        'echo "${#started[@]}"',
      ].join('\n');
      const { code, signal, stdout, stderr } = await runShell(script, folder, bin);
      expect({ code, signal }, stdout + stderr).toEqual({ code: 0, signal: null });
      const [, described, first = '', second, count] = stdout.split('---\n');
      expect(count?.trim()).toBe('4');
      expect(readFileSync(join(folder, 'npm-calls'), 'utf8')).toBe(
        'install --global @gearshift/cli @gearshift/backend-cluster\n',
      );
      expect(described).toMatch(/^cluster corpus: 3 workers\n/);
      expect(described).not.toContain('problem');
      const rows = /^Uint32Array\(3\) \[ ([\d, ]+) \] Float32Array\(3\) \[/.exec(first)?.[1];
      expect(rows?.split(', ').map(Number), first).toEqual(bestRows(values, 3));
      expect(second).toBe(first);
    },
  );
});
