import { setImmediate } from 'node:timers/promises';
import type { Backend, Mismatch, PreparedRequest, VerifyEvent } from '@gearshift/contracts';
import { requireInteger, type OperationOutput } from '@gearshift/contracts/internal';
import { verifyChannel } from '../channels.js';
import type { TimeSlices } from '../operations/dispatch-operation.js';
import { dispatchOperationOf } from '../operations/dispatch-operations.js';
import { SampleSequence } from './sample-sequence.js';

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
 * A request of several stages cannot be recomputed for a few items. It is recomputed wholly, in slices, for probes; and not at
 * all otherwise.
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
    if (dispatchOperationOf(request).stagesOf(request) > 1) return false;
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
    output: OperationOutput,
    probe: boolean,
  ): Promise<Mismatch | null> {
    const mismatch = await this.#compare(request, output, probe);
    if (verifyChannel.hasSubscribers) {
      const event: VerifyEvent = { device: backend.id, operation: request.operation, probe, mismatch };
      verifyChannel.publish(event);
    }
    return mismatch;
  }

  async #compare(request: PreparedRequest, output: OperationOutput, probe: boolean): Promise<Mismatch | null> {
    const operation = dispatchOperationOf(request);
    const slices = slicesOf(this.#clock);
    const rounds = probe && operation.stagesOf(request) <= 1 ? PROBE_ROUNDS : 1;
    for (let round = 0; round < rounds; round++) {
      const mismatch = await operation.verify(request, output, this.#samples, slices);
      if (mismatch !== null) return mismatch;
    }
    return null;
  }
}

/** The first slice begins with the first question, because most checks are short and need no clock. */
function slicesOf(clock: () => number): TimeSlices {
  let endMs: number | undefined;
  return {
    isOver() {
      const nowMs = clock();
      return nowMs >= (endMs ??= nowMs + SLICE_MS);
    },
    async next() {
      await setImmediate();
      endMs = clock() + SLICE_MS;
    },
  };
}
