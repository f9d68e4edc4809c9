import { setImmediate } from 'node:timers/promises';
import type { Backend, Mismatch, PreparedRequest, VerifyEvent } from '@gearshift/contracts';
import { CheckedPlacedMatrix, requireInteger, type OperationOutput } from '@gearshift/contracts/internal';
import { verifyChannel } from '../channels.js';
import type { TimeSlices } from '../operations/dispatch-operation.js';
import { dispatchOperationOf } from '../operations/dispatch-operations.js';
import { SampleSequence } from './sample-sequence.js';

export const VERIFICATION_DEFAULTS = { everyNth: 1000 } as const;

/** A probe decides about all later requests, so more of it is checked. */
const PROBE_ROUNDS = 4;
/** The longest time that recomputing may block the event loop. */
const SLICE_MS = 4;

/**
 * Recomputes a few rows of one in N GPU results, and of every probe, in double precision. Nothing else detects a device that
 * answers quickly and wrongly. Each check costs a few dozen rows. Results and rows are selected by counting alone, so that the
 * same requests get the same checks.
 *
 * A request with several stages cannot be recomputed for a few items. It is recomputed completely, in time slices, when it is
 * a probe, and not at all otherwise.
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

  /** Changes how often results are verified from now on; the count so far is kept. */
  set everyNth(everyNth: number) {
    this.#everyNth = requireInteger('everyNth', everyNth, 0);
    this.#untilNext = Math.min(this.#untilNext, Math.max(1, everyNth));
  }

  /** Whether this result has to be verified. Counts it. */
  isDue(request: PreparedRequest, probe: boolean): boolean {
    // There are no rows to recompute from.
    if ('matrix' in request && CheckedPlacedMatrix.is(request.matrix)) return false;
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

/** The first slice starts with the first call of `isOver`, because most checks are short and need no clock. */
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
