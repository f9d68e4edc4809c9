import { setImmediate } from 'node:timers/promises';
import type { Backend, Mismatch, PreparedRequest, TopKOutput, VerifyEvent } from '@gearshift/contracts';
import { requireInteger } from '@gearshift/contracts/internal';
import { SampleSequence } from './sample-sequence.js';
import { verifyChannel } from '../channels.js';
import { verifyRanking } from './verify-ranking.js';
import { verifyScores } from './verify-scores.js';
import { verifySpreadSamples, verifySpreadWholly } from './verify-spread.js';

export const VERIFICATION_DEFAULTS = { everyNth: 1000 } as const;

/** A probe decides about all requests to come, so it is looked at more closely. */
const PROBE_ROUNDS = 4;
/** How long the event loop may be held up by recomputing. */
const SLICE_MS = 4;

/**
 * Recomputes a few rows of one in N results of GPUs, and of every probe, in double precision: a device that answers
 * quickly and wrongly is found out by nothing else. Costs a few dozen rows each time. Which result and which rows follows
 * from counting alone, so that the same requests give the same checks.
 *
 * Several hops of spreading cannot be recomputed for a few nodes. They are recomputed wholly, in slices, for probes; and
 * not at all otherwise.
 */
export class SampledVerification {
  #everyNth: number;
  readonly #clock: () => number;
  readonly #samples = new SampleSequence();
  #untilNext = 1;

  /** @param everyNth 0 for probes alone. The first result is verified, and every N-th after it. */
  constructor(everyNth: number = VERIFICATION_DEFAULTS.everyNth, clock: () => number = () => performance.now()) {
    this.#everyNth = requireInteger('everyNth', everyNth, 0);
    this.#clock = clock;
  }

  /** Changes how often from now on; what was counted so far stays. */
  set everyNth(everyNth: number) {
    this.#everyNth = requireInteger('everyNth', everyNth, 0);
    this.#untilNext = Math.min(this.#untilNext, Math.max(1, everyNth));
  }

  /** Whether it is this result's turn. Counts it. */
  isDue(request: PreparedRequest, probe: boolean): boolean {
    if (probe) return true;
    if (this.#everyNth === 0) return false;
    if (this.#untilNext > 1) {
      this.#untilNext -= 1;
      return false;
    }
    if (request.operation === 'spread-activation' && request.hops > 1) return false;
    this.#untilNext = this.#everyNth;
    return true;
  }

  /**
   * Never rejects.
   *
   * @returns where the result is wrong, or `null`.
   */
  async verify(
    backend: Backend,
    request: PreparedRequest,
    output: Float32Array | TopKOutput,
    probe: boolean,
  ): Promise<Mismatch | null> {
    const mismatch = await this.#compare(request, output, probe);
    if (verifyChannel.hasSubscribers) {
      const event: VerifyEvent = { device: backend.id, operation: request.operation, probe, mismatch };
      verifyChannel.publish(event);
    }
    return mismatch;
  }

  async #compare(
    request: PreparedRequest,
    output: Float32Array | TopKOutput,
    probe: boolean,
  ): Promise<Mismatch | null> {
    if (request.operation === 'spread-activation' && request.hops > 1) return this.#spreadWholly(request, output);
    for (let round = 0; round < (probe ? PROBE_ROUNDS : 1); round++) {
      const mismatch = this.#look(request, output);
      if (mismatch !== null) return mismatch;
    }
    return null;
  }

  // The output belongs to the request, which the compiler cannot see: hence the casts.
  #look(request: PreparedRequest, output: Float32Array | TopKOutput): Mismatch | null {
    switch (request.operation) {
      case 'cosine-similarity':
        return verifyScores(request, output as Float32Array, this.#samples);
      case 'top-k':
        return verifyRanking(request, output as TopKOutput, this.#samples);
      case 'spread-activation':
        return verifySpreadSamples(request, output as Float32Array, this.#samples);
    }
  }

  #spreadWholly(
    request: Extract<PreparedRequest, { operation: 'spread-activation' }>,
    output: Float32Array | TopKOutput,
  ): Promise<Mismatch | null> {
    let sliceEndMs = this.#clock() + SLICE_MS;
    const isSliceOver = () => this.#clock() >= sliceEndMs;
    const giveWay = async () => {
      await setImmediate();
      sliceEndMs = this.#clock() + SLICE_MS;
    };
    return verifySpreadWholly(request, output as Float32Array, isSliceOver, giveWay);
  }
}
