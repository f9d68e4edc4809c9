import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../registry', import.meta.url));
const START_MS = 60_000;

/**
 * Starts a registry (verdaccio) on this machine. The packages of this repository come only from it; all others come through it from the
 * configured registry of npm.
 *
 * @param {string} folder where it keeps its files
 * @param {readonly string[]} own names of the packages that it must not fetch from another registry
 * @returns {Promise<{ url: string, npmrc: string, stop: () => void }>} `npmrc`: the lines with which npm and pnpm use it
 */
export async function startLocalRegistry(folder, own) {
  const program = join(FOLDER, 'node_modules/verdaccio/bin/verdaccio');
  if (!existsSync(program)) {
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
    const { status, stderr } = spawnSync('npm', args, { cwd: FOLDER, encoding: 'utf8' });
    if (status !== 0) throw new Error(`the local registry cannot be installed: ${stderr}`);
  }
  const upstream = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).stdout.trim();
  mkdirSync(folder, { recursive: true });
  const everybody = { access: '$all', publish: '$all', unpublish: '$all' };
  // YAML includes JSON.
  writeFileSync(
    join(folder, 'config.yaml'),
    JSON.stringify({
      storage: join(folder, 'storage'),
      uplinks: { upstream: { url: upstream, maxage: '1h' } },
      packages: {
        ...Object.fromEntries(own.map((name) => [name, everybody])),
        '**': { ...everybody, proxy: 'upstream' },
      },
      web: { enable: false },
      max_body_size: '200mb',
      log: { type: 'file', path: join(folder, 'registry.log'), level: 'info', format: 'json' },
    }),
  );
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const child = spawn(
    process.execPath,
    [program, '--config', join(folder, 'config.yaml'), '--listen', `127.0.0.1:${port}`],
    {
      stdio: 'ignore',
    },
  );
  for (let waitedMs = 0; !(await answers(url)); waitedMs += 100) {
    if (child.exitCode !== null || waitedMs > START_MS) throw new Error('the local registry does not start');
    await setTimeout(100);
  }
  // Every client may publish here, but npm requires a token.
  const npmrc = `registry=${url}\n//127.0.0.1:${port}/:_authToken=none\n`;
  return { url, npmrc, stop: () => child.kill() };
}

async function answers(url) {
  return fetch(`${url}-/ping`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** A port that was free a moment ago. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
