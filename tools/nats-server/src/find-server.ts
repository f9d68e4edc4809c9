import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface FoundServer {
  readonly lacks: null;
  readonly path: string;
  /** Such as `2.9.10`. */
  readonly version: string;
}

export interface MissingServer {
  /** What the machine lacks, as a part of a sentence after "needs". */
  readonly lacks: string;
}

/** Set-up puts the server here: see fetch/fetch-nats-server.mjs. */
const FETCHED = fileURLToPath(new URL('../build/server/', import.meta.url));

/**
 * The NATS server of the tests, or what the machine lacks for it. `GEARSHIFT_NATS_SERVER` names another binary, such as a newer one.
 */
export function findNatsServer(): FoundServer | MissingServer {
  if (process.platform !== 'linux') return { lacks: 'Linux' };
  // It ends the server if the process of a test dies.
  if (!isProgram('setpriv')) return { lacks: 'setpriv: apt-get install util-linux' };
  if (!isProgram('openssl')) return { lacks: 'openssl, which makes certificates: apt-get install openssl' };
  const given = process.env['GEARSHIFT_NATS_SERVER'];
  if (given !== undefined) return describe(given);
  if (!existsSync(`${FETCHED}record.json`)) return { lacks: 'nats-server, which the set-up of npm test fetches' };
  const { lacks } = JSON.parse(readFileSync(`${FETCHED}record.json`, 'utf8')) as { lacks?: string };
  return lacks === undefined ? describe(`${FETCHED}nats-server`) : { lacks: `nats-server: ${lacks}` };
}

function describe(path: string): FoundServer | MissingServer {
  const { stdout, error } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  const version = /v(\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1];
  if (version !== undefined) return { lacks: null, path, version };
  return { lacks: `a nats-server that runs: ${path} ${error === undefined ? 'prints no version' : error.message}` };
}

function isProgram(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined;
}
