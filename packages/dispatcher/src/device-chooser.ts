import {
  NO_DEVICE,
  type Backend,
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
import type { MetricsSnapshot } from '@gearshift/tracker';
import { acceptsRequest } from './accepts-request.js';
import { missingBytes } from './bytes-to-upload.js';
import { type DecisionCounter } from './decision-counts.js';
import type { AttemptTracker } from './dispatcher.js';
import { decisionChannel } from './channels.js';
import type { DeviceMemory } from './placement/device-memory.js';
import type { DeviceQueue } from './placement/device-queue.js';
import type { GpuPlace } from './placement/gpu-place.js';
import type { ResidentSet } from './placement/resident-set.js';

/** Stands in for the policy's name where a synchronous call left no choice. */
const FORCED_BY_CALL = 'sync';

export interface Choice {
  readonly backend: Backend;
  readonly decision: Decision;
  /** Send the operand there first, to stay. */
  readonly keep: boolean;
  /** The attempt holds the lease of the device's breaker. */
  readonly probe: boolean;
  /** Expected latency without waiting for others; NaN where nobody predicted. */
  readonly serviceMs: number;
  /** Expected latency on the next best device; NaN where nobody predicted. */
  readonly alternativeMs: number;
  /** What the choice is believed to save against that; NaN where nobody can tell. */
  readonly savingMs: number;
}

export interface DeviceChooserOptions {
  readonly backends: readonly Backend[];
  readonly policy: DispatchPolicy;
  readonly tracker: AttemptTracker;
  readonly strict: boolean;
  readonly places: ReadonlyMap<Backend, GpuPlace>;
  /** Empty where there is but one device: nobody asks how busy it is. */
  readonly queues: ReadonlyMap<Backend, DeviceQueue>;
  readonly counts: DecisionCounter;
}

/**
 * Shows the policy the devices and one snapshot, asks the breaker of the device that it chose, and makes a decision of
 * both. What the policy sees is allocated once and filled anew for each request, which is safe because deciding is
 * synchronous.
 */
export class DeviceChooser {
  readonly #backends: readonly Backend[];
  readonly #policy: DispatchPolicy;
  readonly #counts: DecisionCounter;
  readonly #places: readonly (GpuPlace | undefined)[];
  readonly #queues: readonly (DeviceQueue | undefined)[];
  readonly #devices: MutableDeviceView[];
  readonly #moment: Moment;
  readonly #slot: DecisionSlot = emptySlot();

  constructor({ backends, policy, tracker, strict, places, queues, counts }: DeviceChooserOptions) {
    this.#backends = backends;
    this.#policy = policy;
    this.#counts = counts;
    this.#places = backends.map((backend) => places.get(backend));
    this.#queues = backends.map((backend) => queues.get(backend));
    this.#devices = backends.map(viewOf);
    this.#moment = new Moment(tracker, strict);
  }

  /**
   * @param nowMs when the request came, on the dispatcher's clock.
   * @returns the choice, or why no device is allowed.
   */
  choose(request: PreparedRequest, work: Work, nowMs: number, remainingMs: number): Choice | DecisionReason {
    const moment = this.#moment;
    moment.begin(work.operation, nowMs, remainingMs);
    /** Why GPUs that are there may not be used, which policies do not know. */
    let absence: DecisionReason | undefined;
    for (let i = 0; i < this.#devices.length; i++) {
      const view = this.#devices[i];
      view.queueMs = this.#queues[i]?.waitMs(nowMs) ?? 0;
      const place = this.#places[i];
      if (place === undefined) continue;
      const { state } = place.breaker;
      if (state === 'dead') absence = 'device-dead';
      else if (state === 'isolated') absence ??= 'breaker-open';
      viewGpu(view, this.#backends[i], place, request, work, state);
    }
    for (;;) {
      const slot = this.#decide(work);
      const { device } = slot;
      if (device === NO_DEVICE) {
        const reason = isAboutGpus(slot.reason) ? (absence ?? slot.reason) : slot.reason;
        this.#counts.count(work.operation, reason);
        return reason;
      }
      const place = this.#places[device];
      if (place === undefined) {
        if (absence !== undefined && isAboutGpus(slot.reason)) slot.reason = absence;
        return this.#chosen(slot, work, false);
      }
      const admission = place.breaker.admit(this.#missedMs(slot));
      if (admission === 'probe') slot.reason = 'probe';
      // In strict mode nobody else may do it, and being refused helps no more than failing.
      if (admission !== 'block' || moment.strict) return this.#chosen(slot, work, admission === 'probe');
      const cpu = this.#otherThanGpus(device);
      if (cpu !== NO_DEVICE) return this.#divert(slot, cpu, work);
      this.#devices[device].supported = false;
      absence ??= 'breaker-open';
    }
  }

  /** The decision of a call that leaves no choice. */
  force(backend: Backend, work: Work): Decision {
    this.#moment.begin(work.operation, 0, Infinity);
    return this.#decided(backend, 'forced', FORCED_BY_CALL, undefined, work);
  }

  #decide(work: Work): DecisionSlot {
    const slot = this.#slot;
    slot.device = NO_DEVICE;
    slot.reason = 'no-device';
    slot.predictedMs = NaN;
    slot.alternativeMs = NaN;
    slot.keep = false;
    this.#policy.decide(work, this.#devices, this.#moment, slot);
    if (slot.device !== NO_DEVICE && this.#backends[slot.device] === undefined) {
      const range = `the index of one of ${this.#backends.length} devices`;
      throw new RangeError(expected(`out.device of the policy '${this.#policy.name}'`, range, slot.device));
    }
    return slot;
  }

  /** Where a blocked GPU was chosen: the CPU, unless another GPU might do, which only the policy can tell. */
  #otherThanGpus(blocked: number): number {
    let cpu = NO_DEVICE;
    for (let i = 0; i < this.#devices.length; i++) {
      const { kind, supported } = this.#devices[i];
      if (i === blocked || !supported) continue;
      if (kind === 'gpu') return NO_DEVICE;
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
    return this.#chosen(slot, work, false);
  }

  /** What is lost by not using the device: by prediction, else by the averages of the operation. */
  #missedMs({ predictedMs, alternativeMs }: DecisionSlot): number {
    const predicted = alternativeMs - predictedMs;
    if (!Number.isNaN(predicted)) return predicted;
    const { cpuAvgMs, gpuAvgMs } = this.#moment.snapshot;
    return cpuAvgMs > 0 && gpuAvgMs > 0 ? cpuAvgMs - gpuAvgMs : NaN;
  }

  #chosen({ device, reason, predictedMs, alternativeMs, keep }: DecisionSlot, work: Work, probe: boolean): Choice {
    const backend = this.#backends[device];
    const told = Number.isNaN(predictedMs) ? undefined : predictedMs;
    return {
      backend,
      decision: this.#decided(backend, reason, this.#policy.name, told, work),
      keep,
      probe,
      serviceMs: predictedMs - this.#devices[device].queueMs,
      alternativeMs,
      savingMs: alternativeMs - predictedMs,
    };
  }

  #decided(
    backend: Backend,
    reason: DecisionReason,
    policy: string,
    predictedMs: number | undefined,
    work: Work,
  ): Decision {
    const decision: Decision = { backend: backend.id, device: backend.kind, reason, policy, predictedMs };
    this.#counts.count(work.operation, reason);
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

/** As a CPU stays: it shares the caller's memory. */
function viewOf({ id, kind }: Backend): MutableDeviceView {
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

/** Only GPUs are asked, so that a program without one pays nothing. */
function viewGpu(
  view: MutableDeviceView,
  backend: Backend,
  { memory, residents }: GpuPlace,
  request: PreparedRequest,
  work: Work,
  state: BreakerState,
): void {
  view.supported = state !== 'dead' && state !== 'isolated' && acceptsRequest(backend, request);
  view.blocked = state !== 'closed';
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
  view.chunks = memory.chunksOf(work, view.holdsOperand);
  const mayKeep =
    residents.isSending(work.operandId, work.operandVersion) || canKeep(backend, missing, memory, residents);
  view.bytesToKeep = view.holdsOperand ? 0 : mayKeep ? missing : Infinity;
}

/** Whether there is room, when copies that are not pinned give way. */
function canKeep(backend: Backend, bytes: number, { budget }: DeviceMemory, { evictableBytes }: ResidentSet): boolean {
  return backend.makeResident !== undefined && bytes <= budget.availableBytes() + evictableBytes;
}

function isAboutGpus(reason: DecisionReason): boolean {
  return reason === 'no-device' || reason === 'unsupported';
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
