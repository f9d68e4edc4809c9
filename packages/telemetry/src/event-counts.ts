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
    ];
  }

  /** Unsubscribes from all channels. */
  end(): void {
    for (const unsubscribe of this.#subscriptions) unsubscribe();
  }
}

function count(counts: Counts, ...labels: string[]): void {
  const key = labels.join(SEPARATOR);
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

export function* entriesOf(counts: Counts): Generator<{ labels: string[]; value: number }> {
  for (const [key, value] of counts) yield { labels: key.split(SEPARATOR), value };
}
