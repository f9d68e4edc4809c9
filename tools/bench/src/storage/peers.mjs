import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('peer-child.mjs', import.meta.url));
const FOLDER = fileURLToPath(new URL('../../storage-peers', import.meta.url));

/** Each with the package that it needs. */
const PEERS = {
  gearshift: null,
  usearch: 'usearch',
  'sqlite-vec': 'sqlite-vec',
  lancedb: '@lancedb/lancedb',
  'langchain memory': '@langchain/classic',
};

/** The same work by every peer that can be had, each in a process of its own, one after the other, on Node 22. */
export async function measurePeers({ rows, dimensions, log }) {
  install(log);
  const node = findNode22();
  if (node === null) {
    log('Node 22 cannot be had, which LanceDB, usearch and SQLite need');
    return [];
  }
  const results = [];
  for (const [name, needed] of Object.entries(PEERS)) {
    if (needed !== null && !existsSync(join(FOLDER, 'node_modules', needed))) continue;
    log(`${name} ...`);
    const folder = mkdtempSync(join(tmpdir(), 'gearshift-peer-'));
    try {
      results.push({ name, version: versionOf(needed), ...(await run(node, [name, rows, dimensions, folder])) });
    } catch (error) {
      log(`${name}: ${error.message}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  return results;
}

function run(node, args) {
  return new Promise((resolve, reject) => {
    const nodeArgs = ['--expose-gc', '--max-old-space-size=8192', CHILD, ...args.map(String)];
    execFile(node, nodeArgs, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout));
      else reject(new Error(stderr.trim().split('\n').at(-1) || error.message));
    });
  });
}

function install(log) {
  if (existsSync(join(FOLDER, 'node_modules'))) return;
  log('Installing the peers from npm ...');
  // LanceDB asks for another version of apache-arrow than LangChain's packages would take.
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--legacy-peer-deps'];
  const { status, stderr } = spawnSync('npm', args, { cwd: FOLDER, encoding: 'utf8' });
  if (status !== 0) log(`The peers from npm cannot be installed: ${stderr.trim().split('\n').at(-1)}`);
}

function findNode22() {
  const { status, stdout } = spawnSync('npx', ['--yes', 'node@22', '-p', 'process.execPath'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

function versionOf(name) {
  return name === null
    ? ''
    : JSON.parse(readFileSync(join(FOLDER, 'node_modules', name, 'package.json'), 'utf8')).version;
}
