import {
  expected,
  type Backend,
  type Decision,
  type DecisionReason,
  type DeviceKind,
  type Operand,
  type OperationName,
  type PreparedRequest,
} from '@gearshift/contracts';
import type { MetricsSnapshot } from '@gearshift/tracker';
import { acceptsRequest } from './accepts-request.js';
import { DecisionCounter } from './decision-counts.js';
import type { AttemptTracker } from './dispatcher.js';
import { decisionChannel, type DecisionEvent } from './events.js';

import {
  NO_DEVICE,
  type DecisionContext,
  type DecisionSlot,
  type DeviceView,
  type DispatchPolicy,
} from './policies/dispatch-policy.js';
import type { Work } from './work.js';

/** Stands in for the policy's name where a synchronous call left no choice. */
const FORCED_BY_CALL = 'sync';

export interface Choice {
  readonly backend: Backend;
  readonly decision: Decision;
}

/**
 * Shows the policy the devices and one snapshot, and turns what it chose into a decision. What the policy sees is
 * allocated once and filled anew for each request, which is safe because deciding is synchronous.
 */
export class DeviceChooser {
  readonly counts = new DecisionCounter();
  readonly #backends: readonly Backend[];
  readonly #policy: DispatchPolicy;
  readonly #devices: MutableDeviceView[];
  readonly #moment: Moment;
  readonly #slot: DecisionSlot = { device: NO_DEVICE, reason: 'no-device', predictedMs: NaN, alternativeMs: NaN, keep: false };

  constructor(backends: readonly Backend[], policy: DispatchPolicy, tracker: AttemptTracker, strict: boolean) {
    this.#backends = backends;
    this.#policy = policy;
    this.#devices = backends.map(({ id, kind }) => ({
      id,
      kind,
      supported: true,
      holdsOperand: true,
      bytesToUpload: 0,
      bytesToKeep: 0,
      queueMs: 0,
      chunks: 1,
      blocked: false,
    }));
    this.#moment = new Moment(tracker, strict);
  }

  /** `null` when the policy allows no device. */
  choose(request: PreparedRequest, work: Work): Choice | null {
    for (let i = 0; i < this.#devices.length; i++) {
      if (this.#devices[i].kind === 'gpu') viewGpu(this.#devices[i], this.#backends[i], request, work);
    }
    const slot = this.#slot;
    slot.device = NO_DEVICE;
    slot.reason = 'no-device';
    slot.predictedMs = NaN;
    slot.alternativeMs = NaN;
    slot.keep = false;
    this.#moment.begin(work.operation);
    this.#policy.decide(work, this.#devices, this.#moment, slot);
    if (slot.device === NO_DEVICE) {
      this.counts.count(work.operation, slot.reason);
      return null;
    }
    const backend = this.#backends[slot.device];
    if (backend === undefined) {
      const range = `the index of one of ${this.#backends.length} devices`;
      throw new RangeError(expected(`out.device of the policy '${this.#policy.name}'`, range, slot.device));
    }
    const predictedMs = Number.isNaN(slot.predictedMs) ? undefined : slot.predictedMs;
    return { backend, decision: this.#decided(backend, slot.reason, this.#policy.name, predictedMs, work) };
  }

  /** The decision of a call that leaves no choice. */
  force(backend: Backend, work: Work): Decision {
    this.#moment.begin(work.operation);
    return this.#decided(backend, 'forced', FORCED_BY_CALL, undefined, work);
  }

  #decided(
    backend: Backend,
    reason: DecisionReason,
    policy: string,
    predictedMs: number | undefined,
    work: Work,
  ): Decision {
    const decision: Decision = { backend: backend.id, device: backend.kind, reason, policy, predictedMs };
    this.counts.count(work.operation, reason);
    if (decisionChannel.hasSubscribers) {
      const event: DecisionEvent = { decision, work, snapshot: this.#moment.snapshot };
      decisionChannel.publish(event);
    }
    return decision;
  }
}

interface MutableDeviceView extends DeviceView {
  readonly kind: DeviceKind;
  supported: boolean;
  holdsOperand: boolean;
  bytesToUpload: number;
  bytesToKeep: number;
  queueMs: number;
  chunks: number;
  blocked: boolean;
}

/** Only GPUs are asked: a CPU shares the caller's memory, and a program without a GPU pays nothing. */
function viewGpu(view: MutableDeviceView, backend: Backend, request: PreparedRequest, work: Work): void {
  const operand = request.operation === 'spread-activation' ? request.graph : request.matrix;
  view.supported = acceptsRequest(backend, request);
  const missing = view.supported ? missingBytes(backend, operand, work) : work.operandBytes;
  view.holdsOperand = missing === 0;
  view.bytesToUpload = work.requestBytes + Math.min(missing, work.rangeBytes);
  view.bytesToKeep = backend.makeResident === undefined ? Infinity : missing;
}

/** Bytes of the operand that the backend does not hold: all of them, where it keeps nothing or cannot tell. */
function missingBytes(backend: Backend, operand: Operand, work: Work): number {
  try {
    return backend.residency?.(operand).bytesToUpload ?? work.operandBytes;
  } catch {
    return work.operandBytes;
  }
}

/** Takes the snapshot when the policy first reads it: many decisions need none, and then none is taken. */
class Moment implements DecisionContext {
  readonly strict: boolean;
  nowMs = 0;
  remainingMs = Infinity;
  readonly #tracker: AttemptTracker;
  #operation: OperationName = '';
  #snapshot: MetricsSnapshot | undefined;

  constructor(tracker: AttemptTracker, strict: boolean) {
    this.#tracker = tracker;
    this.strict = strict;
  }

  begin(operation: OperationName): void {
    this.#operation = operation;
    this.#snapshot = undefined;
  }

  get snapshot(): MetricsSnapshot {
    return (this.#snapshot ??= this.#tracker.snapshot(this.#operation));
  }
}
