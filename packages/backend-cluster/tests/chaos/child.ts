import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const START_MS = 30_000;
const KEPT_OUTPUT = 5000;

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process of a fixture, which sends `{ ready: true }` when it has started. */
export class Child {
  readonly #process: ChildProcess;
  /** Of its end, whatever caused it. */
  readonly exit: Promise<Exit>;
  /** Whether the test has ended it. */
  isEnded = false;
  #output = '';

  private constructor(fixture: string, settings: object) {
    const path = fileURLToPath(new URL(`../fixtures/${fixture}`, import.meta.url));
    const stdio = ['ignore', 'pipe', 'pipe', 'ipc'] as const;
    this.#process = fork(path, [JSON.stringify(settings)], { stdio: [...stdio], execArgv: [] });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream
        ?.setEncoding('utf8')
        .on('data', (text: string) => (this.#output = (this.#output + text).slice(-KEPT_OUTPUT)));
    }
    this.exit = new Promise((resolve) => this.#process.once('close', (code, signal) => resolve({ code, signal })));
  }

  static async start(fixture: string, settings: object): Promise<Child> {
    const child = new Child(fixture, settings);
    try {
      await child.#waitForMessage('ready');
      return child;
    } catch (error) {
      await child.end('SIGKILL');
      throw error;
    }
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The end of what it printed. */
  get output(): string {
    return this.#output;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#process.kill(signal);
  }

  /** Sends a signal that ends it, and waits for the end. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<Exit> {
    this.isEnded = true;
    this.signal(signal);
    return this.exit;
  }

  send(message: object): void {
    if (this.isRunning && this.#process.connected) this.#process.send(message, () => {});
  }

  /** Asks for what it says with the field `described`; undefined if it has ended. */
  async describe<T>(): Promise<T | undefined> {
    if (!this.isRunning) return undefined;
    this.send({ describe: true });
    const said = await this.#waitForMessage('described').catch(() => undefined);
    return said as T | undefined;
  }

  async #waitForMessage(field: string): Promise<unknown> {
    const signal = AbortSignal.timeout(START_MS);
    const ended = this.exit.then(({ code, signal: by }) => {
      throw new Error(`a process ended with ${code ?? by} instead of sending '${field}': ${this.#output}`);
    });
    for (;;) {
      const [message] = (await Promise.race([once(this.#process, 'message', { signal }), ended])) as [object];
      if (field in message) return (message as Record<string, unknown>)[field];
    }
  }
}
