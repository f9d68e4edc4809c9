import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('worker-child.mjs', import.meta.url));

/**
 * Starts workers of one cluster, each in a process of its own that ends with this one.
 *
 * @typedef {{ worker: string, pid: number, kill: (signal: NodeJS.Signals) => void, end: () => Promise<void> }} WorkerProcess
 * @param {readonly string[]} workers their names
 * @param {(worker: string) => object} settingsOf as in worker-child.mjs
 * @returns {Promise<WorkerProcess[]>}
 */
export async function startWorkers(workers, settingsOf) {
  const started = await Promise.allSettled(workers.map((worker) => startWorker(worker, settingsOf(worker))));
  const failed = started.find(({ status }) => status === 'rejected');
  if (failed === undefined) return started.map(({ value }) => value);
  await Promise.all(started.map(({ value }) => value?.end()));
  throw failed.reason;
}

async function startWorker(worker, settings) {
  const child = spawn(process.execPath, [CHILD, JSON.stringify({ worker, echoes: [], ...settings })], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exit = once(child, 'exit');
  const end = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exit;
  };
  const first = await Promise.race([once(child, 'message'), exit.then(() => undefined)]);
  if (first === undefined) throw new Error(`the process of worker ${worker} ended before it was ready`);
  return { worker, pid: child.pid, kill: (signal) => void child.kill(signal), end };
}

/** The CPU time that the threads of a process have used, in microseconds: as Linux schedules them, or else in ticks of 10 ms. */
export function cpuUsOf(pid) {
  try {
    const times = readdirSync(`/proc/${pid}/task`).map((thread) => {
      return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    });
    return times.reduce((sum, ns) => sum + ns, 0) / 1000;
  } catch {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) * TICK_US;
  }
}

/** Fields behind the name of the program; see proc_pid_stat(5). */
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;
const TICK_US = 10_000;
