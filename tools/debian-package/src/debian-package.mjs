import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const TIMEOUT_MS = 180_000;
const PATIENCE = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=30', '-o', 'Acquire::https::Timeout=30'];
// Otherwise an update without a network succeeds, with warnings.
const STRICT = ['-o', 'APT::Update::Error-Mode=any'];
// Root's downloads run as a user who may not write to the folder of a clone.
const AS_THIS_USER = ['-o', 'APT::Sandbox::User=root'];

/**
 * Downloads a package into a folder. Needs no root, and changes nothing in the system: where its lists of packages are missing or too
 * old, it reads lists of its own.
 *
 * @returns {string | null} why it failed
 */
export function downloadPackage(name, folder) {
  const settings = [...PATIENCE, ...STRICT, ...AS_THIS_USER];
  const download = (...more) => run('apt-get', ['-qq', ...settings, ...more, 'download', name], folder);
  const first = download();
  if (first === null || first.startsWith('there is no')) return first;

  const lists = join(folder, 'lists');
  const cache = join(folder, 'cache');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  mkdirSync(join(cache, 'archives', 'partial'), { recursive: true });
  const own = ['-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${cache}`];
  return run('apt-get', ['-qq', ...settings, ...own, 'update'], folder) ?? download(...own);
}

/**
 * Extracts single files from a package into a folder, without their paths.
 *
 * @returns {string | null} why it failed
 */
export function extractFiles(archive, paths, folder) {
  mkdirSync(folder, { recursive: true });
  const depth = paths[0].split('/').length - 1;
  const tar = ['tar', 'x', '-C', folder, `--strip-components=${depth}`, ...paths];
  // The whole content is large: it goes from one program to the other, and only the files reach the disk.
  return run('sh', ['-c', 'deb=$1; shift; dpkg-deb --fsys-tarfile "$deb" | "$@"', 'sh', archive, ...tar], folder);
}

/** Runs a program; returns why it failed, or null. */
function run(program, args, cwd) {
  const env = { ...process.env, LC_ALL: 'C' };
  const { error, status, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: TIMEOUT_MS });
  if (error?.code === 'ENOENT') return `there is no ${program}`;
  if (error !== undefined) return `${program}: ${error.message}`;
  if (status === 0) return null;
  // The first line names the cause, the last one often only a consequence.
  const reason = stderr.split('\n').find((line) => /^[EW]: |^\S+: /.test(line));
  return `${program} failed: ${
    reason
      ?.replace(/^[EW]: /, '')
      .trim()
      .replace(/\.$/, '') ?? `exit code ${status}`
  }`;
}
