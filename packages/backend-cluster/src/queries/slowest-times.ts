import type { PhaseTimes } from '@gearshift/contracts';
import type { AnswerHeader, ShardAnswer } from '../wire/answer.js';

/** The times of a request on several workers: of messages that are answered together, the slowest worker counts. */
export class SlowestTimes {
  #kernelMs = 0;
  #queueMs = 0;

  add(answers: readonly ShardAnswer[]): void {
    let slowest: AnswerHeader | undefined;
    for (const { header } of answers) {
      if (slowest === undefined || timeOf(header) > timeOf(slowest)) slowest = header;
    }
    this.#kernelMs += slowest?.kernelMs ?? 0;
    this.#queueMs += slowest?.queueMs ?? 0;
  }

  /** What is left of the time is that of the network. */
  phases(uploadMs: number, totalMs: number): PhaseTimes {
    const restMs = Math.max(0, totalMs - uploadMs);
    // Several messages are under way together, so that their times may add up to more.
    const share = Math.min(1, restMs / Math.max(Number.MIN_VALUE, this.#kernelMs + this.#queueMs));
    const [kernelMs, queueMs] = [this.#kernelMs * share, this.#queueMs * share];
    const networkMs = Math.max(0, restMs - kernelMs - queueMs);
    return { queueMs, uploadMs, kernelMs, downloadMs: 0, networkMs, totalMs, fused: false };
  }
}

function timeOf({ kernelMs, queueMs }: AnswerHeader): number {
  return kernelMs + queueMs;
}
