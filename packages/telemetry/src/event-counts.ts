import { listenToCluster } from './cluster-events.js';
import { bucketOf, LATENCY_BOUNDS_S } from './latency-bounds.js';
import { listen, listenToEnd } from './listen.js';

/** Counts by label values. The values are joined by a character that none of them contains. */
type Counts = Map<string, number>;
const SEPARATOR = '\u0000';

/**
 * Counts rare events, which no snapshot contains, when they are published. A diagnostics channel belongs to a thread, so the
 * counts cover every executor of the thread.
 */
export class EventCounts {
  readonly chunks: Counts = new Map();
  readonly splits: Counts = new Map();
  readonly evictions: Counts = new Map();
  readonly lostDevices: Counts = new Map();
  readonly verifications: Counts = new Map();
  readonly shardDurations = new Map<string, Durations>();
  readonly hedges: Counts = new Map();
  readonly repairs: Counts = new Map();
  readonly answers: Counts = new Map();
  /** By device. */
  readonly copiesWanted: Counts = new Map();
  readonly copiesLacking: Counts = new Map();
  readonly #subscriptions: readonly (() => void)[];

  constructor() {
    this.#subscriptions = [
      listen('split', ({ reason }) => count(this.splits, reason)),
      listen('residency', ({ device, kind }) => {
        if (kind === 'evicted') count(this.evictions, device);
      }),
      listen('device', ({ device, kind }) => {
        if (kind === 'lost') count(this.lostDevices, device);
      }),
      listen('verify', ({ device, mismatch }) =>
        count(this.verifications, device, mismatch === null ? 'match' : 'mismatch'),
      ),
      listenToEnd('chunk', 'asyncEnd', ({ result }) => {
        if (result !== undefined) count(this.chunks, result.outcome);
      }),
      listenToCluster('shard', ({ operation, outcome, latencyMs }) => {
        record(this.shardDurations, latencyMs / 1000, operation, outcome);
      }),
      listenToCluster('hedge', ({ operation }) => count(this.hedges, operation)),
      listenToCluster('repair', ({ cause, outcome }) => count(this.repairs, cause, outcome)),
      listenToCluster('answer', ({ operation, status }) => count(this.answers, operation, status)),
      listenToCluster('copies', ({ backend, wanted, held }) => {
        this.copiesWanted.set(backend, wanted);
        this.copiesLacking.set(backend, wanted - held);
      }),
    ];
  }

  /** Unsubscribes from all channels. */
  end(): void {
    for (const unsubscribe of this.#subscriptions) unsubscribe();
  }
}

/** A histogram. Its counts are not cumulative; the last one is of what is above all bounds. */
export interface Durations {
  readonly counts: number[];
  sumSeconds: number;
}

function record(durations: Map<string, Durations>, seconds: number, ...labels: string[]): void {
  const key = labels.join(SEPARATOR);
  const known = durations.get(key) ?? { counts: new Array<number>(LATENCY_BOUNDS_S.length + 1).fill(0), sumSeconds: 0 };
  durations.set(key, known);
  known.counts[bucketOf(seconds)] += 1;
  known.sumSeconds += seconds;
}

function count(counts: Counts, ...labels: string[]): void {
  const key = labels.join(SEPARATOR);
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

export function* entriesOf<Value>(counts: ReadonlyMap<string, Value>): Generator<{ labels: string[]; value: Value }> {
  for (const [key, value] of counts) yield { labels: key.split(SEPARATOR), value };
}
