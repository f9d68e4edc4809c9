import type { AttemptReport, Backend } from '@gearshift/contracts';
import { acceptsRequest } from '../accepts-request.js';
import type { Job } from '../attempt-runner.js';
import type { Choice } from '../device-chooser.js';
import { FAILED, type DeviceTurn, type RunMeans, type TurnEnd, type UnfinishedRun } from './device-turn.js';
import { resumeOnDevice, runOnGpu } from './gpu-run.js';

/**
 * Runs a request on the device that was chosen for it, and on its stand-ins one after the other when that fails. A GPU
 * whose breaker lets nothing through stands in for nobody.
 */
export class DeviceRun {
  /** Every attempt in order. */
  readonly reports: AttemptReport[] = [];
  readonly #choice: Choice;
  readonly #job: Job;
  readonly #standIns: readonly Backend[];
  readonly #means: RunMeans;

  constructor(choice: Choice, job: Job, standIns: readonly Backend[], means: RunMeans) {
    this.#choice = choice;
    this.#job = job;
    this.#standIns = standIns;
    this.#means = means;
  }

  async run(): Promise<TurnEnd> {
    let end = await this.#inQueue(this.#firstTurn(), this.#choice.serviceMs, runTurn);
    this.#giveBackProbe();
    for (let i = 0; i < this.#standIns.length && end.kind === 'failed'; i++) {
      if (this.#job.signal?.aborted === true) break;
      const backend = this.#standIns[i];
      if (!this.#mayStandIn(backend)) continue;
      const { alternativeMs } = this.#choice;
      end = await this.#inQueue(this.#laterTurn(backend, i), alternativeMs, runTurn);
    }
    return end;
  }

  /** Does what remains in pieces, each of which falls back by itself. */
  async resume(unfinished: UnfinishedRun): Promise<TurnEnd> {
    const turn = this.#firstTurn();
    const end = await this.#inQueue(turn, this.#choice.serviceMs, () => resumeOnDevice(turn, unfinished));
    this.#giveBackProbe();
    return end;
  }

  /** A turn that ended before its first attempt, aborted or without memory, leaves the next request to probe the device. */
  #giveBackProbe(): void {
    const { probe, backend } = this.#choice;
    if (!probe || this.reports.some((report) => report.backend === backend.id)) return;
    this.#means.places.get(backend)?.breaker.record('aborted', 0, true);
  }

  #firstTurn(): DeviceTurn {
    const { backend, probe, keep, serviceMs, savingMs } = this.#choice;
    return {
      backend,
      place: this.#means.places.get(backend),
      job: this.#job,
      means: this.#means,
      standIns: this.#standIns.filter((other) => acceptsRequest(other, this.#job.request)),
      reports: this.reports,
      fallback: false,
      probe,
      keep,
      predictedMs: serviceMs,
      savingMs,
    };
  }

  #laterTurn(backend: Backend, index: number): DeviceTurn {
    return {
      backend,
      place: this.#means.places.get(backend),
      job: this.#job,
      means: this.#means,
      standIns: this.#standIns.slice(index + 1).filter((other) => acceptsRequest(other, this.#job.request)),
      reports: this.reports,
      fallback: this.reports.length > 0,
      probe: false,
      keep: false,
      predictedMs: NaN,
      savingMs: NaN,
    };
  }

  #mayStandIn(backend: Backend): boolean {
    const place = this.#means.places.get(backend);
    return (place === undefined || place.breaker.state === 'closed') && acceptsRequest(backend, this.#job.request);
  }

  /** Meanwhile the request stands in the queue of the device. */
  async #inQueue(turn: DeviceTurn, predictedMs: number, run: (turn: DeviceTurn) => Promise<TurnEnd>): Promise<TurnEnd> {
    const { queues, clock } = this.#means;
    const queue = queues.get(turn.backend);
    if (queue === undefined) return run(turn);
    const queued = queue.begin(predictedMs, clock());
    try {
      return await run(turn);
    } finally {
      queue.end(queued, clock());
    }
  }
}

async function runTurn(turn: DeviceTurn): Promise<TurnEnd> {
  const { backend, place, job, means, standIns, reports, fallback } = turn;
  if (place !== undefined) return runOnGpu(turn, place);
  const plan = { fallback, last: standIns.length === 0, probe: false, predictedMs: NaN };
  const attempt = await means.attempts.run(backend, job, plan);
  reports.push(attempt);
  return attempt.outcome === 'success' ? { kind: 'done' } : FAILED;
}
