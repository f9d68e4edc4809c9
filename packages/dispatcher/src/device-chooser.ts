import {
  NO_DEVICE,
  type BreakerState,
  type Decision,
  type DecisionContext,
  type DecisionEvent,
  type DecisionReason,
  type DecisionSlot,
  type DeviceKind,
  type DeviceView,
  type DispatchPolicy,
  type OperationName,
  type PreparedRequest,
  type Work,
} from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import { chunkCount } from '@gearshift/splitter/engine';
import type { MetricsSnapshot } from '@gearshift/tracker';
import { decisionChannel } from './channels.js';
import { type DecisionCounter } from './decision-counts.js';
import {
  acceptsRequest,
  formOf,
  missingBytes,
  renewIfReplaced,
  type Device,
  type DeviceGuard,
} from './devices/device.js';
import type { AttemptTracker } from './dispatcher.js';

/** The policy name in the decision of a synchronous call, which leaves no choice. */
const FORCED_BY_CALL = 'sync';

export interface Choice {
  readonly device: Device;
  readonly decision: Decision;
  /** Upload the operand to the device first and keep it there. */
  readonly keep: boolean;
  /** The attempt holds the lease of the device's breaker. */
  readonly probe: boolean;
  /** Expected latency without waiting for others; NaN where there is no prediction. */
  readonly serviceMs: number;
  /** Expected latency on the next best device; NaN where there is no prediction. */
  readonly alternativeMs: number;
  /** Expected saving against the next best device; NaN where it is unknown. */
  readonly savingMs: number;
}

export interface DeviceChooserOptions {
  readonly devices: readonly Device[];
  readonly policy: DispatchPolicy;
  readonly tracker: AttemptTracker;
  readonly strict: boolean;
  readonly counts: DecisionCounter;
}

/**
 * Passes the devices and one snapshot to the policy, checks the breaker of the chosen device, and makes a decision from both.
 * The views for the policy are allocated once and filled for each request, which is safe because deciding is synchronous.
 */
export class DeviceChooser {
  readonly #devices: readonly Device[];
  readonly #policy: DispatchPolicy;
  readonly #counts: DecisionCounter;
  readonly #views: MutableDeviceView[];
  readonly #context: LazyContext;
  readonly #slot: DecisionSlot = emptySlot();

  constructor({ devices, policy, tracker, strict, counts }: DeviceChooserOptions) {
    this.#devices = devices;
    this.#policy = policy;
    this.#counts = counts;
    this.#views = devices.map(viewOf);
    this.#context = new LazyContext(tracker, strict);
  }

  /**
   * @param nowMs when the request arrived, on the dispatcher's clock.
   * @returns the choice, or why no device is allowed.
   */
  choose(request: PreparedRequest, work: Work, nowMs: number, remainingMs: number): Choice | DecisionReason {
    this.#context.begin(work.operation, nowMs, remainingMs);
    /** Why a configured GPU may not be used. Policies do not have this information. */
    let absence: DecisionReason | undefined;
    if (this.#devices.length > 1 || this.#devices[0].guard !== undefined) {
      absence = this.#look(request, work, nowMs);
    } else {
      this.#views[0].queueMs = this.#devices[0].queue.waitMs(nowMs);
      this.#views[0].form = formOf(this.#devices[0].backend, request);
    }
    for (;;) {
      const slot = this.#decide(work);
      if (slot.device === NO_DEVICE) {
        const reason = isAboutGpus(slot.reason) ? (absence ?? slot.reason) : slot.reason;
        this.#counts.count(work.operation, reason);
        return reason;
      }
      const { guard } = this.#devices[slot.device];
      if (guard === undefined) {
        if (absence !== undefined && isAboutGpus(slot.reason)) slot.reason = absence;
        return this.#choice(slot, work, false);
      }
      const admission = guard.breaker.admit(this.#missedMs(slot));
      if (admission === 'probe') slot.reason = 'probe';
      // Where no other device may run the request, a refusal is no better than a failure.
      const isOnly = this.#context.strict || !this.#hasOther(slot.device);
      if (admission !== 'block' || isOnly) return this.#choice(slot, work, admission === 'probe');
      const cpu = this.#otherThanGpus(slot.device);
      if (cpu !== NO_DEVICE) return this.#divert(slot, cpu, work);
      this.#views[slot.device].supported = false;
      absence ??= 'breaker-open';
    }
  }

  /** The decision for a call that allows only one device. */
  force(device: Device, work: Work): Decision {
    this.#context.begin(work.operation, 0, Infinity);
    return this.#decision(device, 'forced', FORCED_BY_CALL, undefined, work);
  }

  /** Fills the views; returns why a configured GPU may not be used. */
  #look(request: PreparedRequest, work: Work, nowMs: number): DecisionReason | undefined {
    let absence: DecisionReason | undefined;
    for (let i = 0; i < this.#devices.length; i++) {
      const device = this.#devices[i];
      const view = this.#views[i];
      view.queueMs = device.queue.waitMs(nowMs);
      view.form = formOf(device.backend, request);
      if (device.guard === undefined) {
        view.supported = acceptsRequest(device, request);
        continue;
      }
      if (device.guard.breaker.state === 'dead') renewIfReplaced(device.backend, device.guard);
      const { state } = device.guard.breaker;
      if (state === 'dead') absence = 'device-dead';
      else if (state === 'isolated') absence ??= 'breaker-open';
      viewGuarded(view, device, device.guard, request, work, state, nowMs);
    }
    return absence;
  }

  #decide(work: Work): DecisionSlot {
    const slot = this.#slot;
    slot.device = NO_DEVICE;
    slot.reason = 'no-device';
    slot.predictedMs = NaN;
    slot.alternativeMs = NaN;
    slot.keep = false;
    this.#policy.decide(work, this.#views, this.#context, slot);
    if (slot.device !== NO_DEVICE && this.#devices[slot.device] === undefined) {
      const range = `the index of one of ${this.#devices.length} devices`;
      throw new RangeError(expected(`out.device of the policy '${this.#policy.name}'`, range, slot.device));
    }
    return slot;
  }

  #hasOther(index: number): boolean {
    return this.#views.some(({ supported }, i) => i !== index && supported);
  }

  /** The CPU to use instead of a blocked GPU; none while another GPU is supported, because the policy has to choose then. */
  #otherThanGpus(blocked: number): number {
    let cpu = NO_DEVICE;
    for (let i = 0; i < this.#views.length; i++) {
      if (i === blocked || !this.#views[i].supported) continue;
      if (this.#devices[i].guard !== undefined) return NO_DEVICE;
      if (cpu === NO_DEVICE) cpu = i;
    }
    return cpu;
  }

  #divert(slot: DecisionSlot, cpu: number, work: Work): Choice {
    slot.device = cpu;
    slot.reason = 'breaker-open';
    slot.predictedMs = slot.alternativeMs;
    slot.alternativeMs = NaN;
    slot.keep = false;
    return this.#choice(slot, work, false);
  }

  /** The expected cost of not using the device: from the prediction, or else from the averages of the operation. */
  #missedMs({ predictedMs, alternativeMs }: DecisionSlot): number {
    const predicted = alternativeMs - predictedMs;
    if (!Number.isNaN(predicted)) return predicted;
    const { cpuAvgMs, gpuAvgMs } = this.#context.snapshot;
    return cpuAvgMs > 0 && gpuAvgMs > 0 ? cpuAvgMs - gpuAvgMs : NaN;
  }

  #choice(
    { device: index, reason, predictedMs, alternativeMs, keep }: DecisionSlot,
    work: Work,
    probe: boolean,
  ): Choice {
    const device = this.#devices[index];
    const shown = Number.isNaN(predictedMs) ? undefined : predictedMs;
    return {
      device,
      decision: this.#decision(device, reason, this.#policy.name, shown, work),
      keep,
      probe,
      serviceMs: predictedMs - this.#views[index].queueMs,
      alternativeMs,
      savingMs: alternativeMs - predictedMs,
    };
  }

  #decision(
    { backend }: Device,
    reason: DecisionReason,
    policy: string,
    predictedMs: number | undefined,
    work: Work,
  ): Decision {
    const decision: Decision = { backend: backend.id, device: backend.kind, reason, policy, predictedMs };
    this.#counts.count(work.operation, reason);
    if (decisionChannel.hasSubscribers) {
      const event: DecisionEvent = { decision, work, snapshot: this.#context.snapshot };
      decisionChannel.publish(event);
    }
    return decision;
  }
}

interface MutableDeviceView extends DeviceView {
  readonly kind: DeviceKind;
  form: string | undefined;
  supported: boolean;
  holdsOperand: boolean;
  bytesToUpload: number;
  bytesToKeep: number;
  queueMs: number;
  chunks: number;
  blocked: boolean;
}

/** The initial values. Of a CPU the wait, the form and the support change; it shares the caller's memory. */
function viewOf({ backend: { id, kind } }: Device): MutableDeviceView {
  return {
    id,
    kind,
    form: undefined,
    supported: true,
    holdsOperand: true,
    bytesToUpload: 0,
    bytesToKeep: 0,
    queueMs: 0,
    chunks: 1,
    blocked: false,
  };
}

function emptySlot(): DecisionSlot {
  return { device: NO_DEVICE, reason: 'no-device', predictedMs: NaN, alternativeMs: NaN, keep: false };
}

function viewGuarded(
  view: MutableDeviceView,
  device: Device,
  { memory, residents }: DeviceGuard,
  request: PreparedRequest,
  work: Work,
  state: BreakerState,
  nowMs: number,
): void {
  view.supported = state !== 'dead' && state !== 'isolated' && acceptsRequest(device, request);
  view.blocked = state !== 'closed';
  const { backend } = device;
  if (!view.supported) {
    view.holdsOperand = false;
    view.bytesToUpload = work.requestBytes + work.rangeBytes;
    view.bytesToKeep = Infinity;
    view.chunks = 1;
    return;
  }
  const missing = missingBytes(backend, request, work);
  view.holdsOperand = missing === 0;
  view.bytesToUpload = work.requestBytes + Math.min(missing, work.rangeBytes);
  const limits = memory.limitsFor(work, view.holdsOperand);
  view.chunks = chunkCount(work.batchSize, limits);
  // Memory that other runs have reserved is available when they have ended, and `queueMs` includes them.
  if (view.chunks === Infinity) view.chunks = chunkCount(work.batchSize, limits, memory.budget.reservedBytes());
  const mayKeep =
    residents.isSending(work.operandId, work.operandVersion) ||
    // The operand fits once copies that are not pinned are evicted.
    (backend.makeResident !== undefined &&
      !residents.isResting(nowMs) &&
      missing <= memory.budget.availableBytes() + residents.evictableBytes);
  view.bytesToKeep = view.holdsOperand ? 0 : mayKeep ? missing : Infinity;
}

function isAboutGpus(reason: DecisionReason): boolean {
  return reason === 'no-device' || reason === 'unsupported';
}

/** Takes the snapshot when the policy first reads it, because many decisions do not need one. */
class LazyContext implements DecisionContext {
  readonly strict: boolean;
  nowMs = 0;
  remainingMs = Infinity;
  readonly #tracker: AttemptTracker;
  #operation: OperationName = '';
  #snapshot: MetricsSnapshot | undefined;

  constructor(tracker: AttemptTracker, strict: boolean) {
    this.strict = strict;
    this.#tracker = tracker;
  }

  begin(operation: OperationName, nowMs: number, remainingMs: number): void {
    this.#operation = operation;
    this.#snapshot = undefined;
    this.nowMs = nowMs;
    this.remainingMs = remainingMs;
  }

  get snapshot(): MetricsSnapshot {
    return (this.#snapshot ??= this.#tracker.snapshot(this.#operation));
  }
}
