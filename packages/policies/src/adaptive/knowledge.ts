import type {
  DecisionSlot,
  DeviceKind,
  DeviceView,
  DispatchSample,
  SharedLearning,
  UploadSample,
  Work,
  WorkShape,
} from '@gearshift/contracts';
import { CostLine, bucketAt, GENERIC_TRANSFER, genericCost, LINE, unitsOf } from './cost-line.js';
import { DeviceSpeed, SpikeRule } from './device-speed.js';
import type { TokenBucket } from './token-bucket.js';

/** Shorter times are taken for this long: a clock that stood still says nothing, and nothing takes no time at all. */
const SHORTEST_MS = 1e-5;
/** Where there is nothing to choose, one run in so many is learned from, once there are enough to know the device. */
const RUNS_PER_LESSON = 16;
const ENOUGH_SAMPLES = 64;

/** Requests whose time is one curve over the amount of work: of one operation and one shape. */
export interface Task extends Pick<Work, 'operation' | 'shape'> {
  readonly number: number;
  /** Of the last request, to say sizes in terms that people think in. */
  batchSize: number;
  flops: number;
  bytes: number;
  rangeBytes: number;
}

/** All that is known about one device. */
export class DeviceKnowledge {
  readonly id: string;
  readonly kind: DeviceKind;
  /** Identifies the device in the ledger. */
  readonly number: number;
  readonly speed: DeviceSpeed;
  /** The time to send rows there, learned only from the uploads that backends report. Pinned buffers make it no straight line. */
  readonly transfer: CostLine;
  /** The time of runs, by the number of the task; holes where it never came up. */
  readonly lines: (CostLine | undefined)[] = [];
  readonly #transferRule = new SpikeRule();
  #learning: SharedLearning | undefined;

  constructor(id: string, kind: DeviceKind, number: number) {
    this.id = id;
    this.kind = kind;
    this.number = number;
    this.speed = new DeviceSpeed(id);
    this.transfer = new CostLine(`adaptive/upload/${id}`, GENERIC_TRANSFER);
  }

  share(learning: SharedLearning): void {
    this.#learning = learning;
    this.speed.sums.share(learning);
    // A CPU reads the caller's memory: its line never learns anything, and the number of names is limited.
    if (this.kind !== 'cpu') this.transfer.sums.share(learning);
    for (const line of this.lines) line?.sums.share(learning);
  }

  line(task: Task, work: Pick<Work, 'flops' | 'bytes'>): CostLine {
    let line = this.lines[task.number];
    if (line === undefined) {
      const name = `adaptive/cost/${task.operation}/${task.shape}/${this.id}`;
      line = this.lines[task.number] = new CostLine(name, genericCost(this.kind, work));
      if (this.#learning !== undefined) line.sums.share(this.#learning);
    }
    return line;
  }

  /** @returns 0 for no bytes: what is not sent takes no time. */
  uploadMs(bytes: number): number {
    return bytes > 0 ? this.transfer.predict(bytes) : 0;
  }

  observeUpload(bytes: number, ms: number, nowMs: number, decisions: number): void {
    const { transfer } = this;
    transfer.refresh(nowMs, decisions);
    const error = Math.log(ms / transfer.predict(bytes));
    // The first one pays for setting up what the later ones use.
    const isUsual = transfer.isWarm && this.#transferRule.judge(error, transfer.outlierLimit(bytes)) !== 'spike';
    if (isUsual) transfer.fit(bytes, ms, error);
    else transfer.sums.add(LINE.runs, 1);
    transfer.isWarm = true;
    transfer.refresh(nowMs, decisions);
  }
}

/** All that the policy has learned, and how it learns. */
export class Knowledge {
  readonly tasks: Task[] = [];
  readonly devices = new Map<string, DeviceKnowledge>();
  /** What ages things: everything not looked at for many decisions is less certain. */
  decisions = 0;
  /** There was a choice between devices: what is known decides something. */
  isForChoosing = false;
  /** How often something was learned or imported: what was read before may be outdated. */
  lessons = 0;
  readonly #tokens: TokenBucket;
  #learning: SharedLearning | undefined;
  /** The task asked for last: most programs ask for the same again. */
  #lastTask: Task | undefined;
  /** The task that was learned last and is known well; undefined while there is a choice. */
  #routine: Task | undefined;
  #unlearnedRuns = 0;
  /** The last prediction for the only device, and what had been learned when it was made. */
  #lone = { operation: '', shape: 'scan' as WorkShape, flops: NaN, bytes: NaN, runMs: NaN, lessons: -1 };

  constructor(tokens: TokenBucket) {
    this.#tokens = tokens;
  }

  device(id: string, kind: DeviceKind): DeviceKnowledge {
    let device = this.devices.get(id);
    if (device === undefined) {
      device = new DeviceKnowledge(id, kind, this.devices.size);
      if (this.#learning !== undefined) device.share(this.#learning);
      this.devices.set(id, device);
    }
    return device;
  }

  /** @param work of the first request of its kind; later ones find the same task. */
  task(work: Omit<Task, 'number'>): Task {
    const last = this.#lastTask;
    if (last?.operation === work.operation && last.shape === work.shape) return last;
    for (const task of this.tasks) {
      if (task.operation === work.operation && task.shape === work.shape) return (this.#lastTask = task);
    }
    const { operation, shape, batchSize, flops, bytes, rangeBytes } = work;
    const task = { number: this.tasks.length, operation, shape, batchSize, flops, bytes, rangeBytes };
    this.tasks.push(task);
    return (this.#lastTask = task);
  }

  share(learning: SharedLearning): void {
    this.#learning = learning;
    this.lessons += 1;
    for (const device of this.devices.values()) device.share(learning);
  }

  /** Says what it expects of the only device, and no more than that: a program without a GPU does not pay for choosing. */
  expectOnlyCpu(work: Work, view: DeviceView, nowMs: number, out: DecisionSlot): void {
    this.decisions += 1;
    if (!view.supported) {
      out.reason = 'unsupported';
      return;
    }
    const { operation, shape, flops, bytes } = work;
    const { lessons } = this;
    const last = this.#lone;
    const isAsBefore = last.lessons === lessons && last.flops === flops && last.bytes === bytes;
    if (!isAsBefore || last.operation !== operation || last.shape !== shape) {
      const line = this.device(view.id, view.kind).line(this.task(work), work);
      line.refresh(nowMs, this.decisions);
      this.#lone = { operation, shape, flops, bytes, runMs: line.isKnown ? line.predict(unitsOf(work)) : NaN, lessons };
    }
    out.device = 0;
    out.reason = 'no-device';
    out.predictedMs = view.queueMs + this.#lone.runMs;
  }

  observe(sample: DispatchSample): void {
    const { work, attempt } = sample;
    const routine = this.#routine;
    if (routine?.operation === work.operation && routine.shape === work.shape) {
      // There is no choice, the line is known, and learning costs about as much as a small request.
      if (!this.isForChoosing && attempt.outcome === 'success') {
        this.#unlearnedRuns = (this.#unlearnedRuns + 1) % RUNS_PER_LESSON;
        if (this.#unlearnedRuns !== 0) return;
      }
    }
    this.#learn(sample);
  }

  #learn(sample: DispatchSample): void {
    const { work, attempt } = sample;
    this.lessons += 1;
    this.#tokens.earn(attempt.latencyMs);
    if (attempt.outcome !== 'success') return;
    const device = this.device(attempt.backend, attempt.device);
    const task = this.task(work);
    const line = device.line(task, work);
    this.#routine = this.isForChoosing || line.sums.total[LINE.samples] < ENOUGH_SAMPLES ? undefined : task;
    if (line.exploredUpToMs !== 0) {
      // What exploring cost beyond what was expected is paid before anything else is explored.
      this.#tokens.spend(attempt.latencyMs - line.exploredUpToMs);
      line.exploredUpToMs = 0;
    }
    const ms = runTimeOf(sample);
    if (!(ms >= 0 && ms < Infinity)) return;
    const { uploadedBytes, nowMs } = sample;
    const uploadMs = attempt.phases?.fused === false ? attempt.phases.uploadMs : 0;
    if (uploadMs > 0 && uploadedBytes > work.requestBytes) {
      device.observeUpload(uploadedBytes - work.requestBytes, uploadMs, nowMs, this.decisions);
    }
    this.#learnRun(device, line, unitsOf(work), Math.max(SHORTEST_MS, ms), nowMs);
  }

  observeUpload({ deviceId, bytes, latencyMs, nowMs }: UploadSample): void {
    if (!(bytes > 0) || !(latencyMs > 0 && latencyMs < Infinity)) return;
    this.devices.get(deviceId)?.observeUpload(bytes, latencyMs, nowMs, this.decisions);
  }

  #learnRun({ speed }: DeviceKnowledge, line: CostLine, units: number, ms: number, nowMs: number): void {
    const { decisions } = this;
    line.refresh(nowMs, decisions);
    speed.refresh(nowMs, decisions);
    if (!line.isWarm) {
      // The first run pays for what the later ones find ready: code, caches, buffers, a GPU's module.
      line.isWarm = true;
      line.sums.add(LINE.runs, 1);
    } else {
      const { logFactor } = speed;
      const bucket = bucketAt(units);
      const deviation = Math.log(ms / line.predict(units, bucket));
      // Until the line is known it is the line that is wrong, not the device that is slow.
      const isUsual = !line.isKnown || speed.observe(deviation, line.outlierLimit(units, bucket));
      speed.refresh(nowMs, decisions);
      if (isUsual) line.fit(units, ms / speed.factor, deviation - logFactor, bucket);
      else line.sums.add(LINE.runs, 1);
    }
    line.refresh(nowMs, decisions);
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
