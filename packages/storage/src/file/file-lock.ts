import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { codeOf, FileError } from './file-error.js';
import type { FileLock } from './file-system.js';

/** A file that is to replace the locked one has the name of the lock's entry and this ending. */
const ASIDE = '.aside';
const ATTEMPTS = 4;
const UNKNOWN = '-';

/** A process, as the name of an entry of a lock folder describes it. */
interface Holder {
  readonly host: string;
  /** Differs after each start of the system. */
  readonly boot: string;
  readonly pid: number;
  /** When the process began: its number may belong to another process by now. */
  readonly started: string;
}

/**
 * Locks a file for writing: `PATH.lock` is a folder with an entry for each process that holds or wants the lock. A process adds
 * its own entry first and looks for others afterwards, so of two that do so at a time at least one sees the other. The name of
 * an entry says who made it, so an entry is never half-written, and that of a process that has ended is removed safely.
 *
 * @throws FileError of the kind `'locked'` that names the holder
 */
export async function lockFile(path: string): Promise<FileLock> {
  const folder = `${path}.lock`;
  const entry = entryName();
  for (let attempt = 1; ; attempt++) {
    await addEntry(folder, entry);
    const holder = await findHolder(folder, entry);
    if (holder === undefined) break;
    await leave(folder, entry);
    if (attempt === ATTEMPTS) throw lockedError(path, folder, holder);
    // Both of two that began at the same time give way; a random pause separates them.
    await setTimeout(5 + Math.random() * 20);
  }
  return { asidePath: join(folder, `${entry}${ASIDE}`), release: () => leave(folder, entry) };
}

async function addEntry(folder: string, entry: string): Promise<void> {
  for (;;) {
    try {
      await mkdir(folder);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    try {
      await writeFile(join(folder, entry), '', { flag: 'wx' });
      return;
    } catch (error) {
      // The last holder has removed the folder in between.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}

/** The name of the entry of a process that lives; removes entries of those that have ended. */
async function findHolder(folder: string, own: string): Promise<string | undefined> {
  for (const name of await readdir(folder)) {
    if (name === own) continue;
    if (isAlive(name.endsWith(ASIDE) ? name.slice(0, -ASIDE.length) : name)) return name;
    await rm(join(folder, name), { force: true });
  }
  return undefined;
}

async function leave(folder: string, entry: string): Promise<void> {
  await rm(join(folder, `${entry}${ASIDE}`), { force: true });
  await rm(join(folder, entry), { force: true });
  try {
    await rmdir(folder);
  } catch {
    // Another process has an entry there.
  }
}

function thisProcess(): Holder {
  const host = encodeURIComponent(hostname()).replaceAll('~', '%7E');
  return { host, boot: bootId(), pid: process.pid, started: startOf(process.pid) };
}

function entryName(): string {
  return `${prefixOf(thisProcess())}${randomBytes(6).toString('hex')}`;
}

function prefixOf({ host, boot, pid, started }: Holder): string {
  return `${host}~${boot}~${pid}~${started}~`;
}

/** Undefined if the name is not that of an entry. */
function holderOf(entry: string): Holder | undefined {
  const fields = entry.split('~');
  if (fields.length !== 5) return undefined;
  const [host, boot, pid, started] = fields;
  return { host, boot, pid: Number(pid), started };
}

/** False only if it is certain that the process has ended. */
function isAlive(entry: string): boolean {
  const holder = holderOf(entry);
  const own = thisProcess();
  if (holder?.host !== own.host) return true;
  if (holder.boot !== own.boot && holder.boot !== UNKNOWN && own.boot !== UNKNOWN) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  const started = startOf(holder.pid);
  return started === UNKNOWN || holder.started === UNKNOWN || started === holder.started;
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
  } catch {
    return UNKNOWN;
  }
}

function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program, in parentheses, may contain anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}

function lockedError(path: string, folder: string, entry: string): FileError {
  const holder = holderOf(entry);
  const who =
    holder === undefined
      ? `the holder of '${entry}'`
      : entry.startsWith(prefixOf(thisProcess()))
        ? 'this process'
        : `process ${holder.pid} on ${decodeURIComponent(holder.host)}`;
  return new FileError(
    'locked',
    path,
    `${who} has it open for writing; dispose the matrix there first. If nothing writes to it, delete the folder ${folder}`,
  );
}

/** Who has a file open for writing, in words; undefined if nothing does. */
export function describeHolder(path: string): string | undefined {
  try {
    const entry = readdirSync(`${path}.lock`).find((name) => !name.endsWith(ASIDE) && isAlive(name));
    if (entry === undefined) return undefined;
    const holder = holderOf(entry);
    return holder === undefined ? entry : `process ${holder.pid} on ${decodeURIComponent(holder.host)}`;
  } catch {
    return undefined;
  }
}
