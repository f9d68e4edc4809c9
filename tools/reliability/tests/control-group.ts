import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where control groups limit memory: version 1 has a tree for it, version 2 has one tree, and the file of the limit differs. */
const TREES = [
  { folder: '/sys/fs/cgroup/memory', limitFile: 'memory.limit_in_bytes' },
  { folder: '/sys/fs/cgroup', limitFile: 'memory.max' },
];

export interface LimitedRun {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why this machine cannot limit the memory of a process, or `undefined`. */
export function reasonAgainstControlGroups(): string | undefined {
  try {
    const group = createGroup(2 ** 30);
    rmdirSync(group);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** Runs Node with these arguments in a control group with so much memory; the system kills it when it needs more. */
export async function runWithMemory(limitBytes: number, args: readonly string[]): Promise<LimitedRun> {
  const group = createGroup(limitBytes);
  try {
    // The shell joins the group, then becomes Node, so that no memory is counted elsewhere.
    const join = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
    const child = spawn('/bin/sh', ['-c', join, group, process.execPath, ...args]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => (stdout += String(data)));
    child.stderr.on('data', (data) => (stderr += String(data)));
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
      child.once('close', (code, signal) => resolve([code, signal]));
    });
    return { code, signal, stdout, stderr };
  } finally {
    rmdirSync(group);
  }
}

function createGroup(limitBytes: number): string {
  for (const { folder, limitFile } of TREES) {
    const group = join(folder, `gearshift-test-${process.pid}-${Date.now()}`);
    if (!existsSync(folder)) continue;
    mkdirSync(group);
    if (existsSync(join(group, limitFile))) {
      writeFileSync(join(group, limitFile), String(limitBytes));
      return group;
    }
    rmdirSync(group);
  }
  throw new Error('there is no control group for memory');
}
