import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as clusterPackage from '@gearshift/backend-cluster';
import { findNatsServer, startNatsServer, type NatsServer } from '@gearshift/nats-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { BIN } from './run-bin.js';
import { runHere } from './run-here.js';

const DOCS = fileURLToPath(new URL('../../../docs/', import.meta.url));
const read = (file: string): string => readFileSync(join(DOCS, file), 'utf8');
const page = read('cluster-deployment.md');
const found = findNatsServer();
const lacksBackend = !('createClusterBackend' in clusterPackage);
const needs = found.lacks === null ? '' : ` (needs ${found.lacks})`;

/** The options that a command takes, from its help. */
async function optionsOf(command: string): Promise<string[]> {
  const { stdout } = await runHere([command, '--help']);
  return [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option]) => option ?? '');
}

describe('the manifests for Kubernetes', () => {
  const require = createRequire(import.meta.url);
  const models = { Service: 'v1', PodDisruptionBudget: 'policy/v1', StatefulSet: 'apps/v1' } as const;
  type Manifest = { apiVersion: string; kind: keyof typeof models };
  const manifests = parseAllDocuments(read('deployment/kubernetes.yaml')).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  });
  const validate = (manifest: Manifest): void => {
    const path = `kubernetes-models/${manifest.apiVersion}/${manifest.kind}`;
    const model = require(path) as Record<string, { prototype: { validate(): void } }>;
    // On the manifest itself: a model copies all fields, also those that it does not know.
    model[manifest.kind]?.prototype.validate.call(manifest);
  };

  test('are three, each of a kind that the schemas know', () => {
    expect(manifests.map(({ kind, apiVersion }) => [kind, apiVersion])).toEqual(Object.entries(models));
  });

  test.each(manifests.map((manifest) => [manifest.kind, manifest] as const))('are valid: %s', (_kind, manifest) => {
    expect(() => validate(manifest)).not.toThrow();
  });

  test.each(manifests.map((manifest) => [manifest.kind, manifest] as const))(
    'have no field that the schema does not read: %s',
    (_kind, manifest) => {
      const unread = new Set<string>();
      validate(watchReads(manifest, manifest.kind, unread) as Manifest);
      expect([...unread]).toEqual([]);
    },
  );

  test('are checked by schemas that notice a wrong type and a misspelt field', () => {
    const set = structuredClone(manifests.find(({ kind }) => kind === 'StatefulSet')) as Manifest & {
      spec: { replicas: unknown; template: { spec: Record<string, unknown> } };
    };
    set.spec.template.spec['terminationGracePeriod'] = 60;
    const unread = new Set<string>();
    validate(watchReads(set, 'StatefulSet', unread) as Manifest);
    expect([...unread]).toEqual(['StatefulSet.spec.template.spec.terminationGracePeriod']);
    set.spec.replicas = 'three';
    expect(() => validate(set)).toThrow(/replicas/);
  });

  test('start workers with options that exist, and probe paths that exist', async () => {
    const text = read('deployment/kubernetes.yaml');
    const given = [...text.matchAll(/^ +- (--[a-z-]+)=/gm)].map(([, option]) => option);
    expect(given.length).toBeGreaterThan(5);
    expect(await optionsOf('worker')).toEqual(expect.arrayContaining(given));
    const paths = [...text.matchAll(/path: (\S+)/g)].map(([, path]) => path);
    expect(new Set(paths)).toEqual(new Set(['/live', '/ready']));
  });
});

test('the unit for systemd starts a worker with options that exist, and settings that the example has', async () => {
  const unit = read('deployment/gearshift-worker.service');
  const start = /^ExecStart=\/usr\/bin\/gearshift worker (.+)$/m.exec(unit)?.[1] ?? '';
  const given = start.match(/--[a-z-]+/g) ?? [];
  expect(given.length).toBeGreaterThan(5);
  expect(await optionsOf('worker')).toEqual(expect.arrayContaining(given));
  const settings = read('deployment/worker.env').match(/^[A-Z_]+(?==)/gm) ?? [];
  const used = [...start.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name]) => name);
  // systemd sets it, for LoadCredential.
  expect(new Set(used)).toEqual(new Set([...settings, 'CREDENTIALS_DIRECTORY']));
  expect(unit).toMatch(/^LoadCredential=worker\.nk:/m);
});

const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;
test.skipIf(!hasAnalyze)('systemd accepts the unit (needs systemd-analyze)', () => {
  const { stderr } = spawnSync('systemd-analyze', ['verify', join(DOCS, 'deployment/gearshift-worker.service')], {
    encoding: 'utf8',
  });
  // The program need not be installed here.
  const problems = stderr.split('\n').filter((line) => line !== '' && !/is not executable|No such file/.test(line));
  expect(problems).toEqual([]);
});

describe.skipIf(found.lacks !== null)(`the steps for keys and certificates${needs}`, () => {
  let folder: string;
  let shim: string;
  let env: NodeJS.ProcessEnv;
  let server: NatsServer | undefined;
  let ran: { status: number | null; problem: string | undefined };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gearshift-deployment-'));
    // The command as it is installed.
    mkdirSync(join(folder, 'bin'));
    shim = join(folder, 'bin/gearshift');
    writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
    chmodSync(shim, 0o755);
    env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}` };
    const section = page.slice(page.indexOf('## Keys and certificates'), page.indexOf('### What each party may do'));
    const steps = [...section.matchAll(/^ *```sh\n([^]*?)^ *```/gm)].map(([, step]) => step ?? '');
    expect(steps).toHaveLength(3);
    // Only this machine can be reached here.
    const script = steps.join('\n').replace('DNS:$server.internal', 'DNS:localhost');
    expect(script).toContain('DNS:localhost');
    const { status, stderr } = spawnSync('bash', ['-euc', script], { cwd: folder, env, encoding: 'utf8' });
    ran = { status, problem: /gearshift:.*/.exec(stderr)?.[0] };

    const config = read('deployment/nats-server.conf')
      .replace(/^(listen|http): .*$/gm, '')
      .replace('listen: "0.0.0.0:6222"', 'listen: "127.0.0.1:-1"')
      .replace(/^ *routes: .*$/m, '')
      .replaceAll('/etc/nats/ca.crt', join(folder, 'ca.crt'))
      .replaceAll('/etc/nats/server', join(folder, 'n1'))
      .replace('include "authorization.conf"', readFileSync(join(folder, 'authorization.conf'), 'utf8'));
    expect(config).not.toContain('/etc/');
    server = await startNatsServer({ config });
  }, 60_000);
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const url = (): string => server?.url ?? '';
  const options = (): string[] => ['--servers', url(), '--name', 'corpus', '--ca', join(folder, 'ca.crt')];

  test('make a configuration with which a server lets in the parties alone', { timeout: 30_000 }, async () => {
    expect(ran).toEqual({ status: 0, problem: undefined });
    const connection = { servers: url(), name: 'corpus', tls: { caFile: join(folder, 'ca.crt') } };
    for (const party of ['coordinator', 'worker-0', 'worker-2']) {
      const credentials = { nkeyFile: join(folder, `${party}.nk`) };
      const transport = await clusterPackage.connectNats({ ...connection, credentials });
      expect(transport.connected).toBe(true);
      await transport.close();
    }
    await expect(clusterPackage.connectNats(connection)).rejects.toMatchObject({ problem: 'authorization' });
    const report = await runHere(['cluster', 'status', ...options(), '--nkey-file', join(folder, 'coordinator.nk')]);
    expect(report).toEqual({
      status: 0,
      stdout: 'cluster corpus: 0 workers\nproblem: no worker announced itself\n',
      stderr: '',
    });
  });

  test.skipIf(lacksBackend)(
    `are enough for a worker and the example of a coordinator${lacksBackend ? ' (needs createClusterBackend)' : ''}`,
    { timeout: 60_000 },
    async () => {
      const key = ['--nkey-file', join(folder, 'worker-0.nk')];
      const child = spawn(shim, ['worker', ...options(), '--worker', 'worker-0', ...key, '--threads', '1']);
      await once(child.stdout, 'data');
      // Where its imports are found.
      const example = fileURLToPath(new URL('../../backend-cluster/build/cluster-coordinator.mjs', import.meta.url));
      mkdirSync(dirname(example), { recursive: true });
      copyFileSync(new URL('../../../docs/examples/cluster-coordinator.mjs', import.meta.url), example);
      const { status, stdout, stderr } = spawnSync(process.execPath, [example], {
        cwd: folder,
        env: { ...env, SERVERS: url() },
        encoding: 'utf8',
      });
      rmSync(example);
      child.kill('SIGTERM');
      await once(child, 'close');
      expect({ status, stdout, stderr }).toEqual({
        status: 0,
        stdout: '1 worker: the best rows are 0 and 2\n',
        stderr: '',
      });
    },
  );
});

test('the commands of the page have options that exist', async () => {
  const commands = [
    ...page.matchAll(/gearshift (worker|cluster (?:status|place|load|key|permissions))((?: \\\n|[^\n`|])*)/g),
  ];
  expect(commands.length).toBeGreaterThan(4);
  for (const [, command = '', rest = ''] of commands) {
    const { stdout } = await runHere([...command.split(' '), '--help']);
    for (const option of rest.match(/--[a-z-]+/g) ?? []) expect(stdout, command).toContain(`${option} `);
  }
});

/** Notes the fields that are never read. */
function watchReads(value: unknown, path: string, unread: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item, index) => watchReads(item, `${path}[${index}]`, unread));
  const watched: object = {};
  for (const [key, child] of Object.entries(value)) {
    const name = `${path}.${key}`;
    const inner = watchReads(child, name, unread);
    unread.add(name);
    Object.defineProperty(watched, key, {
      enumerable: true,
      get() {
        unread.delete(name);
        return inner;
      },
    });
  }
  return watched;
}
