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
import { acceptsRequest, missingBytes, type Device, type DeviceGuard } from './devices/device.js';
import type { AttemptTracker } from './dispatcher.js';

/** Takes the place of the policy's name where a synchronous call left no choice. */
const FORCED_BY_CALL = 'sync';

export interface Choice {
  readonly device: Device;
  readonly decision: Decision;
  /** Send the operand there first, to stay. */
  readonly keep: boolean;
  /** The attempt holds the lease of the device's breaker. */
  readonly probe: boolean;
  /** Expected latency without waiting for others; NaN where there is no prediction. */
  readonly serviceMs: number;
  /** Expected latency on the next best device; NaN where there is no prediction. */
  readonly alternativeMs: number;
  /** What the choice is believed to save against the next best device; NaN where that is unknown. */
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
 * Shows the policy the devices and one snapshot, asks the breaker of the device that it chose, and makes a decision of both.
 * What the policy sees is allocated once and filled for each request, which is safe because deciding is synchronous.
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
   * @param nowMs when the request came, on the dispatcher's clock.
   * @returns the choice, or why no device is allowed.
   */
  choose(request: PreparedRequest, work: Work, nowMs: number, remainingMs: number): Choice | DecisionReason {
    this.#context.begin(work.operation, nowMs, remainingMs);
    /** Why GPUs that are there may not be used, which policies do not know. */
    let absence: DecisionReason | undefined;
    if (this.#devices.length > 1 || this.#devices[0].guard !== undefined) {
      absence = this.#look(request, work, nowMs);
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
      // In strict mode no other device may do it, and being refused helps no more than failing.
      if (admission !== 'block' || this.#context.strict) return this.#choice(slot, work, admission === 'probe');
      const cpu = this.#otherThanGpus(slot.device);
      if (cpu !== NO_DEVICE) return this.#divert(slot, cpu, work);
      this.#views[slot.device].supported = false;
      absence ??= 'breaker-open';
    }
  }

  /** The decision of a call that leaves no choice. */
  force(device: Device, work: Work): Decision {
    this.#context.begin(work.operation, 0, Infinity);
    return this.#decision(device, 'forced', FORCED_BY_CALL, undefined, work);
  }

  /** Fills the views; returns why a GPU that is there may not be used. */
  #look(request: PreparedRequest, work: Work, nowMs: number): DecisionReason | undefined {
    let absence: DecisionReason | undefined;
    for (let i = 0; i < this.#devices.length; i++) {
      const device = this.#devices[i];
      const view = this.#views[i];
      view.queueMs = device.queue.waitMs(nowMs);
      if (device.guard === undefined) continue;
      const { state } = device.guard.breaker;
      if (state === 'dead') absence = 'device-dead';
      else if (state === 'isolated') absence ??= 'breaker-open';
      viewGuarded(view, device, device.guard, request, work, state);
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

  /** Where a blocked GPU was chosen: the CPU, unless another GPU might do, which only the policy can tell. */
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

  /** What is lost by not using the device: by prediction, else by the averages of the operation. */
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
  supported: boolean;
  holdsOperand: boolean;
  bytesToUpload: number;
  bytesToKeep: number;
  queueMs: number;
  chunks: number;
  blocked: boolean;
}

/** As a CPU stays: it shares the caller's memory. */
function viewOf({ backend: { id, kind } }: Device): MutableDeviceView {
  return {
    id,
    kind,
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
  view.chunks = chunkCount(work.batchSize, memory.limitsFor(work, view.holdsOperand));
  const mayKeep =
    residents.isSending(work.operandId, work.operandVersion) ||
    // There is room, when copies that are not pinned give way.
    (backend.makeResident !== undefined && missing <= memory.budget.availableBytes() + residents.evictableBytes);
  view.bytesToKeep = view.holdsOperand ? 0 : mayKeep ? missing : Infinity;
}

function isAboutGpus(reason: DecisionReason): boolean {
  return reason === 'no-device' || reason === 'unsupported';
}

/** Takes the snapshot when the policy first reads it: many decisions need none, and then none is taken. */
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
