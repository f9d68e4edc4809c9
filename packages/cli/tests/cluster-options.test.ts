import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { natsPermissions } from '@gearshift/backend-cluster';
import { describe, expect, test } from 'vitest';
import { BIN } from './run-bin.js';
import { runHere } from './run-here.js';
import { temporaryFolder } from './temporary-folder.js';

const CONNECTION = ['--servers', 'localhost:1', '--name', 'corpus'];

describe('the options of cluster commands', () => {
  test.each([
    [['worker'], /^gearshift: required option '--servers <addresses>' not specified/],
    [['worker', '--servers', 'a'], /^gearshift: required option '--name <cluster>' not specified/],
    [['worker', '--servers', 'a,,b', '--name', 'x'], /expected addresses with commas between them/],
    [['worker', '--servers', 'a', '--name', 'x.y'], /expected 1 to 64 letters, digits, - or _/],
    [['worker', ...CONNECTION], /^gearshift: --ca: expected the certificates of your authority/],
    [['worker', ...CONNECTION, '--plain-text', '--ca', 'ca.crt'], /--plain-text: expected no --ca/],
    [['worker', ...CONNECTION, '--ca', 'a', '--cert', 'b'], /--cert and --key: expected both, got one/],
    [['cluster', 'status', ...CONNECTION, '--ca', '/no/such/file'], /tls.caFile: expected a file that can be read/],
    [['worker', ...CONNECTION, '--max-bytes', '64G'], /expected bytes, such as 500MiB or 64GiB/],
    [['worker', ...CONNECTION, '--max-bytes', '0'], /expected bytes/],
    [['worker', ...CONNECTION, '--threads', '1.5'], /expected a whole number from 1/],
    [['worker', ...CONNECTION, '--health', 'port'], /expected a port, or host:port/],
    [['worker', ...CONNECTION, '--health', '70000'], /expected a port, or host:port/],
    [['cluster'], /no command given; see gearshift cluster --help/],
    [['cluster', 'destroy'], /unknown command 'cluster destroy'/],
    [
      ['cluster', 'status', '--servers', '10.0.0.1', '--name', 'x', '--plain-text'],
      /plain text is for this machine only/,
    ],
    [
      ['cluster', 'status', ...CONNECTION, '--plain-text', '--nkey-file', '/no/file'],
      /credentials.nkeyFile: expected a file/,
    ],
    [
      ['cluster', 'place', 'a', 'f', ...CONNECTION, '--plain-text'],
      /--rows and --dimensions: expected both, or --data-root/,
    ],
    [['cluster', 'place', 'a', '../f', ...CONNECTION, '--plain-text'], /path: expected one below the data root/],
    [['cluster', 'place', 'a', '..f', ...CONNECTION, '--plain-text'], /--rows and --dimensions: expected both/],
    [['cluster', 'place', 'a', '/f', ...CONNECTION, '--plain-text'], /path: expected one below the data root/],
    [['cluster', 'place', 'a b', 'f', ...CONNECTION], /expected 1 to 64 letters, digits, - or _/],
    [['cluster', 'place', 'a', 'f', ...CONNECTION, '--replicas', '0'], /expected a whole number from 1/],
    [['cluster', 'place', 'a', 'f', ...CONNECTION, '--dtype', 'float8'], /expected one of float32/],
    [['cluster', 'place', 'a', 'f', ...CONNECTION, '--data-root', '/no'], /no\/f/],
    [['cluster', 'load', 'a', 'f', ...CONNECTION], /required option '--data-root <folder>' not specified/],
    [['cluster', 'permissions', '--name', 'x', '--worker', 'w1'], /expected NAME=PUBLIC-KEY/],
    [['cluster', 'permissions', '--name', 'x', '--coordinator', 'k'], /coordinators\[0\]: expected the public key/],
    [['cluster', 'key'], /required option '-o, --output <file>' not specified/],
    [['cluster', 'key', '-o', '/no/such/folder/k'], /--output: \/no\/such\/folder\/k: ENOENT/],
  ])('are checked before anything else: %o', async (args, message) => {
    const { status, stdout, stderr } = await runHere(args);
    expect(stderr).toMatch(message);
    expect({ status, stdout, lines: stderr.split('\n').length }).toEqual({ status: 2, stdout: '', lines: 2 });
  });

  test('say how to install the package that is missing', () => {
    const hook = `export async function resolve(name, context, next) {
      if (name !== '@gearshift/backend-cluster') return next(name, context);
      throw Object.assign(new Error("Cannot find package '@gearshift/backend-cluster'"), { code: 'ERR_MODULE_NOT_FOUND' });
    }`;
    const register = `import { register } from 'node:module'; register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(hook))});`;
    const flags = ['--import', `data:text/javascript,${encodeURIComponent(register)}`];
    const { status, stderr } = spawnSync(process.execPath, [...flags, BIN, 'worker', ...CONNECTION, '--plain-text'], {
      encoding: 'utf8',
      cwd: '/',
    });
    expect(stderr).toBe(
      'gearshift: gearshift worker needs the package @gearshift/backend-cluster: npm install @gearshift/backend-cluster\n',
    );
    expect(status).toBe(2);
  });

  test('report a server that is not there, with exit code 1', async () => {
    const { status, stderr } = await runHere(['cluster', 'status', ...CONNECTION, '--plain-text']);
    expect(stderr).toMatch(/^gearshift: no connection to NATS: localhost:1: the connection was refused/);
    expect(status).toBe(1);
  });
});

describe('cluster key and cluster permissions', () => {
  test('write a secret that only its owner can read, and print what the server needs', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'worker.nk');
    const made = await runHere(['cluster', 'key', '--output', file]);
    expect(made).toMatchObject({ status: 0, stderr: '' });
    expect(made.stdout).toMatch(/^U[A-Z2-7]{55}\n$/);
    expect(readFileSync(file, 'utf8')).toMatch(/^SU[A-Z2-7]{56}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const again = await runHere(['cluster', 'key', '--output', file]);
    expect(again).toMatchObject({ status: 2, stdout: '' });
    expect(again.stderr).toContain('EEXIST');
    const json = await runHere(['cluster', 'key', '--output', join(folder, 'other.nk'), '--json']);
    const { publicKey } = JSON.parse(json.stdout) as { publicKey: string };
    const args = ['--name', 'corpus', '--coordinator', publicKey, '--worker', `w1=${made.stdout.trim()}`];
    const { status, stdout } = await runHere(['cluster', 'permissions', ...args]);
    expect(status).toBe(0);
    expect(stdout).toBe(
      natsPermissions({
        name: 'corpus',
        coordinators: [publicKey],
        workers: [{ name: 'w1', publicKey: made.stdout.trim() }],
      }),
    );
  });
});
