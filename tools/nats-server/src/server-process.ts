import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { findNatsServer } from './find-server.js';

const KEPT_LOG = 50_000;
const SUSPEND_MS = 20_000;

/** One process of nats-server. It is ended through its own pid, and ends with the process that started it. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #log = '';

  constructor(configFile: string) {
    const found = findNatsServer();
    if (found.lacks !== null) throw new Error(`a NATS server needs ${found.lacks}`);
    // setpriv becomes the server: one process, one pid. The kernel kills it when the process of the test dies, however that happens.
    const args = ['--pdeathsig', 'KILL', found.path, '-c', configFile];
    this.#child = spawn('setpriv', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#ended = once(this.#child, 'close');
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-KEPT_LOG);
    });
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the server has not started');
    return pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The end of its log. */
  get log(): string {
    return this.#log;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(signal);
  }

  /** Stops all of its threads, and returns once they stand still. */
  suspend(): void {
    this.signal('SIGSTOP');
    const endsAtMs = performance.now() + SUSPEND_MS;
    while (this.isRunning && !this.#isSuspended()) {
      if (performance.now() > endsAtMs) throw new Error(`nats-server still runs ${SUSPEND_MS} ms after SIGSTOP`);
    }
  }

  #isSuspended(): boolean {
    const tasks = `/proc/${this.pid}/task`;
    return readdirSync(tasks).every((task) => /^State:\s+T/m.test(readFileSync(`${tasks}/${task}/status`, 'utf8')));
  }

  /** Sends a signal that ends the server, and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<void> {
    // A suspended server would take no SIGTERM.
    if (signal !== 'SIGKILL') this.signal('SIGCONT');
    this.signal(signal);
    await this.#ended;
  }
}
