import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/search-server.mjs', import.meta.url));
/** Inside the package, so that all names resolve, and in a folder that git, Nx and formatters leave alone. */
const BUILD = fileURLToPath(new URL('../build', import.meta.url));
const CLIENTS = 50;
const REQUESTS = 10;

let folder: string;
let server: ChildProcess;
let address: string;
let errors = '';

beforeAll(async () => {
  mkdirSync(BUILD, { recursive: true });
  folder = mkdtempSync(join(BUILD, 'example-'));
  copyFileSync(EXAMPLE, join(folder, 'example.mjs'));
  server = spawn(process.execPath, [join(folder, 'example.mjs')], { stdio: ['ignore', 'pipe', 'pipe'] });
  server.stderr?.on('data', (data) => (errors += String(data)));
  if (server.stdout === null) throw new Error('the server has no output');
  const [line] = (await once(createInterface(server.stdout), 'line')) as [string];
  address = `http://127.0.0.1:${line.replace('port ', '')}`;
});
afterAll(() => {
  server.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

async function search(body: string): Promise<{ status: number; answer: unknown }> {
  const response = await fetch(`${address}/search`, { method: 'POST', body });
  return { status: response.status, answer: await response.json() };
}

it('the example docs/examples/search-server.mjs answers 50 clients at once', async () => {
  const vectors = [
    [1, 0, 0],
    [0.8, 0.6, 0],
    [0, 0, 1],
  ];
  const client = async (number: number): Promise<void> => {
    for (let i = 0; i < REQUESTS; i++) {
      const row = (number + i) % 3;
      const { status, answer } = await search(JSON.stringify({ vector: vectors[row], k: 1 }));
      expect(status).toBe(200);
      expect(answer).toEqual([{ name: ['first', 'second', 'third'][row], score: expect.closeTo(1, 5) }]);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
});

it('the example server refuses wrong requests with a reason and continues', async () => {
  for (const body of [
    '',
    'null',
    '{}',
    '{"vector":[1,0],"k":1}',
    '{"vector":[1,0,"a"],"k":1}',
    '{"vector":[1,0,0],"k":-1}',
  ]) {
    const { status, answer } = await search(body);
    expect([body, status]).toEqual([body, 400]);
    expect(answer).toEqual({ error: expect.any(String) });
  }
  expect((await fetch(address)).status).toBe(404);
  const gone = new AbortController();
  const unanswered = fetch(`${address}/search`, { method: 'POST', body: '{', signal: gone.signal });
  gone.abort();
  await expect(unanswered).rejects.toThrow();
  expect((await search('{"vector":[0,0,1],"k":5}')).answer).toHaveLength(3);
});

it('the example server ends after SIGTERM and prints no error', async () => {
  server.kill('SIGTERM');
  expect(await once(server, 'exit')).toEqual([0, null]);
  expect(errors).toBe('');
});
