import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createTracker, type MetricsSnapshot, type Tracker } from '../src/index.js';

const WORKER = new URL('fixtures/recording-worker.mjs', import.meta.url);

export const OPERATION = 'top-k';

/** What a worker does besides recording: see the fixture. */
export type Habit = 'record' | 'close' | 'read';

/** A tracker and the workers that record into its memory. */
export class Crew {
  readonly tracker: Tracker;
  readonly #stopping = new Int32Array(new SharedArrayBuffer(4));
  readonly #attempted: Int32Array;
  readonly #acknowledged: Int32Array;
  readonly #ends = new Map<Worker, Promise<unknown>>();

  constructor(maxWriters: number, workers: number) {
    this.tracker = createTracker({ operations: [OPERATION], maxWriters });
    this.#attempted = new Int32Array(new SharedArrayBuffer(4 * workers));
    this.#acknowledged = new Int32Array(new SharedArrayBuffer(4 * workers));
  }

  /** Rounds that were begun: more cannot have been counted. */
  get attempted(): number {
    return this.#attempted.reduce((sum, rounds) => sum + rounds, 0);
  }

  /** Rounds that workers knew to be published: less cannot be counted. */
  get acknowledged(): number {
    return this.#acknowledged.reduce((sum, rounds) => sum + rounds, 0);
  }

  attemptedBy(worker: number): number {
    return Atomics.load(this.#attempted, worker);
  }

  acknowledgedBy(worker: number): number {
    return Atomics.load(this.#acknowledged, worker);
  }

  /** @param rounds without it the worker goes on until it is stopped. */
  async start(worker: number, habit: Habit, rounds = Infinity): Promise<Worker> {
    const thread = new Worker(WORKER, {
      workerData: {
        handle: this.tracker.share(),
        worker,
        habit,
        rounds,
        stopping: this.#stopping,
        attempted: this.#attempted,
        acknowledged: this.#acknowledged,
      },
    });
    // From the start: a worker may have ended by the time that somebody asks, and an event does not come twice.
    this.#ends.set(thread, once(thread, 'exit'));
    await once(thread, 'message');
    return thread;
  }

  /** Waits until all of these have ended. */
  async ended(workers: readonly Worker[]): Promise<void> {
    await Promise.all(workers.map(async (worker) => this.#ends.get(worker)));
  }

  /** Ends all workers in good order. */
  async stop(workers: readonly Worker[]): Promise<void> {
    Atomics.store(this.#stopping, 0, 1);
    await this.ended(workers);
  }
}

/**
 * What is wrong with a snapshot of a crew: each publication has whole rounds, so whatever the writers are doing the figures
 * of the devices agree with each other.
 */
export function tearIn(snapshot: MetricsSnapshot): string | undefined {
  const { cpuCount, cpuWindowCount, cpuAvgMs } = snapshot;
  const whole =
    snapshot.gpuCount === cpuCount &&
    snapshot.oomCount === cpuCount &&
    snapshot.gpuFailureCount === cpuCount &&
    snapshot.version === 3 * cpuCount &&
    snapshot.gpuWindowCount === cpuWindowCount &&
    snapshot.gpuAvgMs === cpuAvgMs &&
    snapshot.gpuP50Ms === snapshot.cpuP50Ms &&
    snapshot.gpuP95Ms === snapshot.cpuP95Ms &&
    snapshot.gpuP99Ms === snapshot.cpuP99Ms &&
    snapshot.cpuLastSampleAtMs === snapshot.gpuLastSampleAtMs &&
    snapshot.successRate === (cpuWindowCount === 0 ? 1 : 0.5) &&
    snapshot.lifetimeSuccessRate === (cpuCount === 0 ? 1 : 0.5) &&
    snapshot.cpuFailureCount === 0 &&
    snapshot.fallbackCount === 0 &&
    cpuWindowCount <= cpuCount;
  return whole ? undefined : JSON.stringify(snapshot);
}
