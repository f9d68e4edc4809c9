import type { ChunkAttempt, OutOfMemoryEvent } from '@gearshift/contracts';
import { chunkChannel, oomChannel, splitChannel } from '../channels.js';
import { splitReason } from '../sizing/chunk-size.js';
import type { RunProgress } from './chunk-options.js';
import type { EngineOptions } from './check-run-options.js';
import type { Lane, ReservedChunk } from './lane.js';

/** Publishes what happens in a run, where there are subscribers. */
export class RunEvents {
  readonly #run: EngineOptions;
  readonly #total: number;
  #isSplitPublished = false;
  #hasRunOutOfMemory = false;

  constructor(run: EngineOptions, total: number) {
    this.#run = run;
    this.#total = total;
  }

  async traceCall<V, E, T extends { readonly attempt: ChunkAttempt }>(
    { options: { name }, isFallback: fallback }: Lane<V, E>,
    { start, end }: ReservedChunk,
    chunkIndex: number,
    call: () => Promise<T>,
  ): Promise<T> {
    const outcomes: T[] = [];
    const event = { name, chunkIndex, start, end, fallback };
    await chunkChannel.tracePromise(async () => {
      outcomes.push(await call());
      return outcomes[0].attempt;
    }, event);
    return outcomes[0];
  }

  /** @param remaining items that the chunk was cut from. */
  publishSplit<V, E>({ limits, sizer }: Lane<V, E>, { start, end }: ReservedChunk, remaining: number): void {
    if (this.#isSplitPublished) return;
    this.#isSplitPublished = true;
    if (!splitChannel.hasSubscribers) return;
    const chunkItems = end - start;
    const reason = this.#hasRunOutOfMemory ? 'out-of-memory' : splitReason(chunkItems, remaining, limits, sizer);
    splitChannel.publish({ name: this.#run.name, total: this.#total, chunkItems, reason });
  }

  publishOutOfMemory<V, E>(
    { options: { name }, isFallback: fallback }: Lane<V, E>,
    { start, end, reservation }: ReservedChunk,
    chunkIndex: number,
    action: OutOfMemoryEvent['action'],
  ): void {
    this.#hasRunOutOfMemory = true;
    if (!oomChannel.hasSubscribers) return;
    const bytes = reservation?.bytes ?? 0;
    const event: OutOfMemoryEvent = { name, chunkIndex, start, end, fallback, bytes, action };
    oomChannel.publish(event);
  }

  reportProgress(progress: RunProgress): void {
    try {
      Promise.resolve(this.#run.onProgress?.(progress)).catch(() => {});
    } catch {
      // A progress callback that fails must not end the run.
    }
  }
}
