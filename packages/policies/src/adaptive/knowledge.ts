import type { DeviceKind, DispatchSample, SharedLearning, UploadSample, Work } from '@gearshift/contracts';
import type { CostLine } from './cost-line.js';
import { DeviceKnowledge } from './device-knowledge.js';
import { unitsOf } from './generic-cost.js';
import { TaskList } from './task.js';
import type { TokenBucket } from './token-bucket.js';

/** Shorter times are taken for this long: a clock that stood still says nothing, and nothing takes no time at all. */
const SHORTEST_MS = 1e-5;
/** Where there is nothing to choose, one run in so many is learned from, once there are enough to know the device. */
const RUNS_PER_LESSON = 16;
const ENOUGH_SAMPLES = 64;

/** All that the policy has learned, and how it learns. */
export class Knowledge {
  readonly tasks = new TaskList();
  readonly devices = new Map<string, DeviceKnowledge>();
  /** What ages things: everything not looked at for many decisions is less certain. */
  decisions = 0;
  /** There was a choice between devices: what is known decides something. */
  isForChoosing = false;
  /** How often something was learned or imported: what was read before may be outdated. */
  lessons = 0;
  readonly #tokens: TokenBucket;
  #learning: SharedLearning | undefined;
  #unlearnedRuns = 0;
  /** Work of the kind that was learned last and is known well; undefined while there is a choice. */
  #routine: Work | undefined;

  constructor(tokens: TokenBucket) {
    this.#tokens = tokens;
  }

  device(id: string, kind: DeviceKind): DeviceKnowledge {
    return this.devices.get(id) ?? this.#addDevice(id, kind);
  }

  share(learning: SharedLearning): void {
    this.#learning = learning;
    this.lessons += 1;
    for (const device of this.devices.values()) device.share(learning);
  }

  observe(sample: DispatchSample): void {
    if (this.#isRoutine(sample)) return;
    const { work, attempt } = sample;
    this.lessons += 1;
    this.#tokens.earn(attempt.latencyMs);
    if (attempt.outcome !== 'success') return;
    const device = this.device(attempt.backend, attempt.device);
    const line = device.line(this.tasks.of(work), work);
    this.#routine = this.isForChoosing || line.samples < ENOUGH_SAMPLES ? undefined : work;
    this.#settleExploration(line, attempt.latencyMs);
    const ms = runTimeOf(sample);
    if (!(ms >= 0 && ms < Infinity)) return;
    const sentOperand = sample.uploadedBytes > work.requestBytes;
    const uploadMs = attempt.phases?.fused === false ? attempt.phases.uploadMs : 0;
    if (sentOperand && uploadMs > 0) {
      device.transfer.refresh(sample.nowMs, this.decisions);
      device.transfer.observe(sample.uploadedBytes - work.requestBytes, uploadMs);
      device.transfer.refresh(sample.nowMs, this.decisions);
    }
    this.#learnRun(device, line, unitsOf(work), Math.max(SHORTEST_MS, ms), sample.nowMs);
  }

  observeUpload({ deviceId, bytes, latencyMs, nowMs }: UploadSample): void {
    const transfer = this.devices.get(deviceId)?.transfer;
    if (transfer === undefined || !(bytes > 0) || !(latencyMs > 0 && latencyMs < Infinity)) return;
    transfer.refresh(nowMs, this.decisions);
    transfer.observe(bytes, latencyMs);
    transfer.refresh(nowMs, this.decisions);
  }

  /**
   * Whether it is one of the runs that teach nothing new, because there is no choice and the line is known: learning costs
   * about as much as a small request.
   */
  #isRoutine({ work: { operation, shape }, attempt }: DispatchSample): boolean {
    const routine = this.#routine;
    if (routine === undefined || this.isForChoosing || attempt.outcome !== 'success') return false;
    if (routine.operation !== operation || routine.shape !== shape) return false;
    this.#unlearnedRuns = (this.#unlearnedRuns + 1) % RUNS_PER_LESSON;
    return this.#unlearnedRuns !== 0;
  }

  #learnRun(device: DeviceKnowledge, line: CostLine, units: number, ms: number, nowMs: number): void {
    const { decisions } = this;
    const { speed } = device;
    line.refresh(nowMs, decisions);
    speed.refresh(nowMs, decisions);
    const { logFactor } = speed;
    if (!line.isWarm) {
      // The first run pays for what the later ones find ready: code, caches, buffers, a GPU's module.
      line.isWarm = true;
      line.addRun();
    } else {
      const deviation = Math.log(ms / line.predict(units));
      // Until the line is known it is the line that is wrong, not the device that is slow.
      const isUsual = !line.isKnown || speed.observe(deviation, line.outlierLimit(units));
      speed.refresh(nowMs, decisions);
      if (isUsual) line.fit(units, ms / speed.factor, deviation - logFactor);
      else line.addRun();
    }
    line.refresh(nowMs, decisions);
  }

  /** Whoever explored and paid too little pays the rest, before anything else is explored. */
  #settleExploration(line: CostLine, latencyMs: number): void {
    if (line.exploredUpToMs === 0) return;
    this.#tokens.spend(latencyMs - line.exploredUpToMs);
    line.exploredUpToMs = 0;
  }

  #addDevice(id: string, kind: DeviceKind): DeviceKnowledge {
    const device = new DeviceKnowledge(id, kind, this.devices.size, this.#learning);
    this.devices.set(id, device);
    return device;
  }
}

/** Milliseconds the run itself took, sending the request's own bytes included; NaN where that cannot be told. */
function runTimeOf({ work, attempt, uploadedBytes, queued }: DispatchSample): number {
  const { phases } = attempt;
  if (phases === undefined || phases.fused) {
    if (!queued) return attempt.latencyMs;
    return phases !== undefined && phases.queueMs > 0 ? phases.kernelMs : NaN;
  }
  const ms = phases.kernelMs + phases.downloadMs;
  return uploadedBytes > work.requestBytes ? ms : ms + phases.uploadMs;
}
