import { probeWorker } from '../placement/probe-worker.js';
import type { KnownWorker } from '../placement/worker-directory.js';
import type { QueryContext } from './query-context.js';
import type { QuestionEnd } from './question-end.js';
import { MOST_DEATHS } from './visit-limits.js';

/** A query to a single worker. */
export interface Ask {
  readonly id: number;
  readonly question: QuestionEnd;
}

/** Counts the workers that ended while they had a query. */
export class DeathWatch {
  readonly #context: QueryContext;
  #deaths = 0;
  #hasBroadcastDied = false;

  constructor(context: QueryContext) {
    this.#context = context;
  }

  /** Whether so many ended that the query is the cause. */
  get isQueryAtFault(): boolean {
    return this.#deaths >= MOST_DEATHS;
  }

  /**
   * Finds out which of the workers with a query are gone.
   *
   * @param reachable holders of which a broadcast has reached one; nothing says which, so that one of them counts
   * @param isWaiting whether an answer is still waited for; of a broadcast without an argument
   */
  look(
    asks: ReadonlyMap<KnownWorker, Ask>,
    reachable: readonly KnownWorker[],
    isWaiting: (ask?: Ask) => boolean,
    onDeath: (worker: KnownWorker, ask: Ask | undefined) => void,
  ): void {
    for (const worker of new Set([...asks.keys(), ...reachable])) {
      const ask = asks.get(worker);
      void probeWorker(this.#context, worker).then(() => {
        const isCounted = ask === undefined ? this.#hasBroadcastDied : asks.get(worker) !== ask;
        if (isCounted || this.#context.directory.isKnown(worker) || !isWaiting(ask)) return;
        if (ask === undefined) this.#hasBroadcastDied = true;
        this.#deaths += 1;
        onDeath(worker, ask);
      });
    }
  }
}
