import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { vectorsFrom, writeVectors } from '@gearshift/formats';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bestByHand, createRandom, randomVector } from './collection-setup.js';

const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/collection-server.mjs', import.meta.url));
/** Inside the package, so that all names resolve, and in a folder that git, Nx and formatters leave alone. */
const BUILD = fileURLToPath(new URL('../build', import.meta.url));
const CLIENTS = 50;
const REQUESTS = 6;
const ROWS = 500;
const DIMENSIONS = 16;
const TENANTS = ['acme', 'globex', 'initech'];

interface Item {
  id: string | number;
  vector: Float32Array;
  metadata: { tenant: string };
}

const random = createRandom(11);
/** What the service has to contain. */
const known = new Map<string | number, Item>();
let folder: string;
let server: ChildProcess;
let address: string;
let errors = '';

beforeAll(async () => {
  mkdirSync(BUILD, { recursive: true });
  folder = mkdtempSync(join(BUILD, 'example-'));
  copyFileSync(EXAMPLE, join(folder, 'example.mjs'));
  for (let row = 0; row < ROWS; row++) {
    const id = row % 2 === 0 ? row : `item-${row}`;
    known.set(id, { id, vector: randomVector(random, DIMENSIONS), metadata: { tenant: TENANTS[row % 3] } });
  }
  const values = Float32Array.from([...known.values()].flatMap(({ vector }) => [...vector]));
  await writeVectors(join(folder, 'vectors.npy'), vectorsFrom(values, { dimensions: DIMENSIONS }));
  const items = Array.from(known.values(), ({ id, metadata }) => ({ id, ...metadata }));
  writeFileSync(join(folder, 'items.json'), JSON.stringify(items));
  await start('vectors.npy', 'items.json');
});
afterAll(() => {
  server.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

async function start(...files: string[]): Promise<void> {
  server = spawn(process.execPath, ['example.mjs', 'saved', ...files], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  server.stderr?.on('data', (data) => (errors += String(data)));
  if (server.stdout === null) throw new Error('the server has no output');
  [address] = (await once(createInterface(server.stdout), 'line')) as [string];
}

async function send(method: string, path: string, body: unknown): Promise<{ status: number; answer: unknown }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(address + path, { method, headers, body: JSON.stringify(body) });
  return { status: response.status, answer: await response.json() };
}

async function expectBest(tenant: string): Promise<unknown> {
  const vector = randomVector(random, DIMENSIONS);
  const { status, answer } = await send('POST', '/query', { vector: [...vector], k: 5, tenant });
  expect(status).toBe(200);
  const best = bestByHand(
    [...known.values()].filter(({ metadata }) => metadata.tenant === tenant),
    vector,
    5,
  );
  expect(answer).toEqual(best.map(({ id, score }) => ({ id, score: expect.closeTo(score, 4), metadata: { tenant } })));
  return answer;
}

it('the example has fewer than 40 lines', () => {
  expect(readFileSync(EXAMPLE, 'utf8').trimEnd().split('\n').length).toBeLessThan(40);
});

it('the example answers 50 clients at once, each for its tenant', async () => {
  const client = async (number: number): Promise<void> => {
    for (let i = 0; i < REQUESTS; i++) await expectBest(TENANTS[(number + i) % 3]);
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
});

it('the example takes changes while it answers', async () => {
  const changing = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      // Of a tenant without queries meanwhile, so that the answers to others stay the same.
      const added = Array.from({ length: 5 }, (_, j) => ({
        id: `new-${(i * 5 + j) % 40}`,
        vector: randomVector(random, DIMENSIONS),
        metadata: { tenant: 'new' },
      }));
      for (const item of added) known.set(item.id, item);
      const body = added.map((item) => ({ ...item, vector: [...item.vector] }));
      expect(await send('PUT', '/items', body)).toMatchObject({ status: 200 });
      const gone = [`new-${i}`, 'never'];
      const deleted = known.delete(gone[0]) ? 1 : 0;
      expect(await send('DELETE', '/items', gone)).toEqual({ status: 200, answer: { deleted } });
    }
  };
  const asking = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await expectBest(TENANTS[i % 3]);
  };
  await Promise.all([changing(), asking(), asking()]);
  await expectBest('new');
});

it('the example refuses wrong requests with a reason', async () => {
  const vector = Array<number>(DIMENSIONS).fill(1);
  for (const body of [{}, { vector, k: 0, tenant: 'acme' }, { vector: [1], k: 1, tenant: 'acme' }, { vector, k: 1 }]) {
    expect(await send('POST', '/query', body)).toEqual({ status: 400, answer: { error: expect.any(String) } });
  }
  // An operator in place of a tenant does not open the items of others.
  expect(await send('POST', '/query', { vector, k: 1, tenant: { $ne: 'x' } })).toEqual({ status: 200, answer: [] });
  const { answer } = await send('PUT', '/items', [{ id: 1, vector: [1] }]);
  expect(answer).toEqual({ error: expect.stringContaining('items[0].vector: expected 16 elements') });
});

it('the example saves on SIGTERM, ends without an error, and gives the same answers when it starts again', async () => {
  const queries = Array.from({ length: 20 }, (_, i) => ({
    vector: [...randomVector(random, DIMENSIONS)],
    k: 7,
    tenant: [...TENANTS, 'new'][i % 4],
  }));
  const ask = (): Promise<unknown[]> => Promise.all(queries.map((query) => send('POST', '/query', query)));
  for (let round = 0; round < 2; round++) {
    const before = await ask();
    server.kill('SIGTERM');
    expect(await once(server, 'exit')).toEqual([0, null]);
    expect(errors).toBe('');
    await start();
    expect(await ask()).toEqual(before);
    expect((await send('DELETE', '/items', [2 * round])).answer).toEqual({ deleted: 1 });
  }
});
