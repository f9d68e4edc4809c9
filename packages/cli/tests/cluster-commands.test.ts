import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as clusterPackage from '@gearshift/backend-cluster';
import {
  createAuthority,
  createPartyKey,
  findNatsServer,
  startNatsServer,
  type NatsServer,
  type TestAuthority,
} from '@gearshift/nats-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterReport } from '../src/cluster/describe-cluster.js';
import { npyBytes } from './npy-bytes.js';
import { BIN } from './run-bin.js';
import { runHere } from './run-here.js';
import { temporaryFolder } from './temporary-folder.js';

/** Only newer versions of the package place files. */
async function canPlace(): Promise<boolean> {
  const { createClusterBackend, InMemoryNetwork } = clusterPackage as unknown as {
    createClusterBackend?: (options: object) => Promise<{ value: { placed?: unknown; close(): Promise<void> } }>;
    InMemoryNetwork?: new () => { connect(party: string): object };
  };
  if (createClusterBackend === undefined || InMemoryNetwork === undefined) return false;
  const transport = new InMemoryNetwork().connect('c');
  const { value } = await createClusterBackend({ transport, name: 'c', leastWorkers: 0 });
  await value.close();
  return value.placed !== undefined;
}

const lacksPlace = !(await canPlace());
const found = findNatsServer();
const needs = found.lacks === null ? '' : ` (needs ${found.lacks})`;

describe.skipIf(found.lacks !== null)(`commands with a NATS server${needs}`, () => {
  const keys = { coordinator: createPartyKey(), w1: createPartyKey(), w2: createPartyKey() };
  let authority: TestAuthority;
  let server: NatsServer;
  let connection: string[];
  const credentialsOf = (party: keyof typeof keys) => ({ nkeySeed: keys[party].seed });

  beforeAll(async () => {
    authority = await createAuthority();
    const config = clusterPackage.natsPermissions({
      name: 'corpus',
      coordinators: [keys.coordinator.publicKey],
      workers: [
        { name: 'w1', publicKey: keys.w1.publicKey },
        { name: 'w2', publicKey: keys.w2.publicKey },
      ],
    });
    server = await startNatsServer({ tls: authority.certify('DNS:localhost'), config });
    connection = ['--servers', server.url, '--name', 'corpus', '--ca', authority.caFile];
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await authority[Symbol.asyncDispose]();
  });

  const fileOf = async (party: keyof typeof keys): Promise<string> => {
    const file = join(await temporaryFolder(), `${party}.nk`);
    writeFileSync(file, keys[party].seed);
    return file;
  };

  test('cluster status reports workers, what they hold and what is missing', { timeout: 30_000 }, async () => {
    const args = ['cluster', 'status', ...connection, '--nkey-file', await fileOf('coordinator')];
    const none = await runHere([...args, '--json']);
    expect(JSON.parse(none.stdout)).toEqual({
      cluster: 'corpus',
      workers: [],
      matrices: [],
      problems: ['no worker announced itself'],
    });
    const workers = await Promise.all([
      announce('w1', 'avx2 1.0', [0, 1]),
      announce('w2', 'avx512 1.0', [1]),
      // What is no announcement is ignored.
      announce('w1', 5, []),
    ]);
    const { status, stdout, stderr } = await runHere(args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(
      [
        'cluster corpus: 2 workers',
        '  w1  ready, 512 MiB of 1.00 GiB used, 2 shards, 1 query under way, avx2 1.0',
        '  w2  ready, 512 MiB of 1.00 GiB used, 1 shard, 1 query under way, avx512 1.0',
        'matrix m1, generation 7: 3,000 rows in 3 shards, incomplete',
        'problem: workers compute with avx2 1.0 and avx512 1.0; a matrix cannot be placed on such a mix',
        'problem: m1, generation 7: no worker holds shard 2',
        '',
      ].join('\n'),
    );
    const report = JSON.parse((await runHere([...args, '--json'])).stdout) as { matrices: unknown };
    expect(report.matrices).toEqual([
      { key: 'm1', generation: 7, rows: 3000, shards: 3, fewestReplicas: 0, wantedReplicas: 1, missingShards: [2] },
    ]);
    await Promise.all(workers.map((worker) => worker.close()));
  });

  /** A worker that says of itself what a test wants. */
  async function announce(worker: 'w1' | 'w2', profile: unknown, held: readonly number[]) {
    const { caFile } = authority;
    const transport = await clusterPackage.connectNats({
      servers: server.url,
      name: 'corpus',
      tls: { caFile },
      credentials: credentialsOf(worker),
    });
    const shards = held.map((shard) => ({
      ...{ key: 'm1', generation: 7, shard, shards: 3, kind: 'matrix', rows: 3000, dimensions: 8 },
      ...{ start: shard * 1000, end: (shard + 1) * 1000, dtype: 'float32', edges: 0 },
    }));
    const state = { worker, instance: 1, sequence: 1, profile, isDraining: false, underWay: 1, shards };
    const said = JSON.stringify({ ...state, freeBytes: 2 ** 29, maxBytes: 2 ** 30 });
    const say = () => transport.send(`gearshift.corpus.state.${worker}`, new TextEncoder().encode(said));
    transport.watch('gearshift.corpus.who', {}, say);
    return transport;
  }

  const lacksWorker = !('createClusterWorker' in clusterPackage);
  describe.skipIf(lacksWorker)(`worker${lacksWorker ? ' (needs createClusterWorker)' : ''}`, () => {
    test('joins the cluster, reports its state over HTTP, and leaves at SIGTERM', { timeout: 60_000 }, async () => {
      const folder = await temporaryFolder();
      const options = ['--nkey-file', await fileOf('w1'), '--worker', 'w1', '--data-root', folder, '--json'];
      const limits = ['--max-bytes', '64MiB', '--threads', '1', '--health', '0'];
      const child = spawn(process.execPath, [BIN, 'worker', ...connection, ...options, ...limits]);
      let [stdout, stderr] = ['', ''];
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      const ready = new Promise<{ health: string }>((resolve) => {
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          stdout += text;
          if (stdout.includes('"ready"')) resolve(JSON.parse(stdout.split('\n')[0] ?? '') as { health: string });
        });
      });
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      const start = await Promise.race([ready, ended.then(() => Promise.reject(new Error(stderr)))]);
      const ask = async (path: string) => {
        const response = await fetch(`http://${start.health}${path}`);
        return [response.status, (await response.text()).trim()];
      };
      expect(await ask('/live')).toEqual([200, 'alive']);
      expect(await ask('/ready')).toEqual([200, 'ready']);
      expect(await ask('/ready?matrix=m1')).toEqual([503, 'no shard of m1']);
      const args = ['cluster', 'status', ...connection, '--nkey-file', await fileOf('coordinator'), '--json'];
      const report = JSON.parse((await runHere(args)).stdout) as { workers: unknown };
      expect(report.workers).toEqual([
        expect.objectContaining({ worker: 'w1', maxBytes: 64 * 2 ** 20, isDraining: false, shardCount: 0 }),
      ]);
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
      expect(stderr).toBe('');
      const events = stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { event: string }).event);
      expect(events).toEqual(['ready', 'draining', 'ended']);
    });

    test.skipIf(lacksPlace)(
      `loads rows that cluster load and cluster place name${lacksPlace ? ' (needs placed matrices)' : ''}`,
      { timeout: 60_000 },
      async () => {
        const folder = await temporaryFolder();
        const children = await Promise.all(
          (['w1', 'w2'] as const).map(async (worker) => {
            const options = ['--nkey-file', await fileOf(worker), '--worker', worker, '--data-root', folder];
            const limits = ['--max-bytes', '64MiB', '--threads', '1'];
            return spawn(process.execPath, [BIN, 'worker', ...connection, ...options, ...limits]);
          }),
        );
        const coordinator = [...connection, '--nkey-file', await fileOf('coordinator')];
        const status = async () =>
          JSON.parse((await runHere(['cluster', 'status', ...coordinator, '--json'])).stdout) as ClusterReport;
        while ((await status()).workers.length < 2);
        const rows = new Float32Array(1000 * 8).map((_, index) => Math.sin(index));
        await writeFile(join(folder, 'vectors.npy'), npyBytes({ shape: '(1000, 8)', data: rows }));
        const load = ['cluster', 'load', 'corpus', join(folder, 'vectors.npy'), '--data-root', folder];
        const loaded = await runHere([...load, ...coordinator, '--json']);
        expect(loaded).toMatchObject({ status: 0, stderr: '' });
        const first = JSON.parse(loaded.stdout) as { generation: number; files: string[] };
        expect(first).toMatchObject({ matrix: 'corpus', rows: 1000, dimensions: 8, workers: 2 });
        const { matrices, problems } = await status();
        expect(problems).toEqual([]);
        expect(matrices).toEqual([
          expect.objectContaining({
            generation: first.generation,
            rows: 1000,
            shards: 2,
            fewestReplicas: 2,
            wantedReplicas: 2,
          }),
        ]);
        const [file] = first.files;
        const place = ['cluster', 'place', 'corpus', file, '--rows', '1000', '--dimensions', '8'];
        const placed = await runHere([...place, ...coordinator]);
        expect(placed).toMatchObject({ status: 0, stderr: '' });
        expect(placed.stdout).toMatch(
          /^placed corpus, generation \d+: 1,000 x 8 of corpus-\d+\.gearshift on 2 workers\n$/,
        );
        const twice = ['cluster', 'place', 'corpus', file, file, '--data-root', folder];
        const both = await runHere([...twice, ...coordinator]);
        expect(both.stdout).toMatch(/: 2,000 x 8 of corpus-\d+\.gearshift, corpus-\d+\.gearshift on 2 workers\n$/);
        const wrong = ['cluster', 'place', 'corpus', file, '--rows', '999', '--dimensions', '8'];
        const refused = await runHere([...wrong, ...coordinator]);
        expect(refused.status).toBe(1);
        expect(refused.stderr).toMatch(/source\.files: expected 999 rows, got 1000/);
        for (const child of children) child.kill('SIGTERM');
        await Promise.all(children.map((child) => new Promise((resolve) => child.once('close', resolve))));
      },
    );
  });
});
