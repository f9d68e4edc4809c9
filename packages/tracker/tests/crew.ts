import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';
import { createTracker, type MetricsSnapshot, type Tracker } from '../src/index.js';

export const OPERATION = 'top-k';

/** What a worker does besides recording or adding: see the fixtures. */
export type Habit = 'record' | 'close' | 'read';

/** What its workers run: `fixtures/recording-worker.mjs` or `fixtures/adding-worker.mjs`, and further data for it. */
export interface CrewTask {
  readonly fixture: string;
  readonly data?: object;
}

const RECORDING: CrewTask = { fixture: 'recording-worker.mjs' };

/** A tracker and the workers that write into its memory. */
export class Crew {
  readonly tracker: Tracker;
  readonly #stopping = new Int32Array(new SharedArrayBuffer(4));
  readonly #attempted: Int32Array;
  readonly #acknowledged: Int32Array;
  readonly #task: CrewTask;
  readonly #ends = new Map<Worker, Promise<unknown>>();

  constructor(maxWriters: number, workers: number, task = RECORDING) {
    this.#task = task;
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
    const thread = new Worker(new URL(`fixtures/${this.#task.fixture}`, import.meta.url), {
      workerData: {
        ...this.#task.data,
        handle: this.tracker.share(),
        worker,
        habit,
        rounds,
        stopping: this.#stopping,
        attempted: this.#attempted,
        acknowledged: this.#acknowledged,
      },
    });
    // From the start: a worker may have ended before `ended` is called, and an event does not come twice.
    this.#ends.set(thread, once(thread, 'exit'));
    await once(thread, 'message');
    return thread;
  }

  /** Waits until all of these have ended. */
  async ended(workers: readonly Worker[]): Promise<void> {
    await Promise.all(workers.map(async (worker) => this.#ends.get(worker)));
  }

  /** A worker that was refused a slot ten thousand times in a row, while there are enough, will never get one. */
  async untilPublished(worker: number): Promise<void> {
    while (this.acknowledgedBy(worker) === 0 && this.attemptedBy(worker) < 80_000) await setImmediate();
    expect(this.acknowledgedBy(worker)).toBeGreaterThan(0);
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
    snapshot.devices.cpu.count === cpuCount &&
    snapshot.devices.cpu.successRate === 1 &&
    snapshot.devices.gpu.count === cpuCount &&
    snapshot.devices.gpu.failureCount === cpuCount &&
    snapshot.devices.gpu.oomCount === cpuCount &&
    snapshot.devices.gpu.lastSampleAtMs === snapshot.devices.cpu.lastSampleAtMs &&
    snapshot.devices.remote.count === 0 &&
    cpuWindowCount <= cpuCount;
  return whole ? undefined : JSON.stringify(snapshot);
}
