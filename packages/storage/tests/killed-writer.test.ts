import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openMatrix, StoredMatrix } from '../src/index.js';

const WRITER = fileURLToPath(new URL('fixtures/killed-writer.mjs', import.meta.url));

it('keeps every durable change of a process that is killed, and takes over its lock', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gearshift-storage-'));
  const path = join(folder, 'vectors.gearshift');
  await StoredMatrix.create(2, { dimensions: 2 }, () => {}).save(path);
  let version = 1;
  for (const kill of [1, 20, 49, 50, 77]) {
    const writer = spawn(process.execPath, [WRITER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(writer, 'exit');
    let durable = '';
    writer.stdout.setEncoding('utf8').on('data', (text: string) => {
      durable += text;
      if (durable.split('\n').length > kill) writer.kill('SIGKILL');
    });
    expect(await ended).toEqual([null, 'SIGKILL']);
    const last = Number(durable.trimEnd().split('\n').at(-1));
    expect(last).toBeGreaterThan(version);
    await using matrix = await openMatrix(path, { writable: true, verify: true });
    expect(matrix.version).toBeGreaterThanOrEqual(last);
    ({ version } = matrix);
  }
  expect(readdirSync(folder)).toEqual(['vectors.gearshift']);
  rmSync(folder, { recursive: true });
}, 120_000);
