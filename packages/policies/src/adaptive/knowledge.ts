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

/** Shorter times are raised to this: a coarse clock may report 0. */
const SHORTEST_MS = 1e-5;
/** Where there is no choice, one run in so many is learned from once there are enough samples. */
const RUNS_PER_LESSON = 16;
const ENOUGH_SAMPLES = 64;

/** Requests of one operation and one shape: their time is one curve over the amount of work. */
export interface Task extends Pick<Work, 'operation' | 'shape'> {
  readonly number: number;
  /** Of the last request, so that a forecast can convert units of work into items. */
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
  /** The time to send rows there, learned from the uploads that backends report. It has residuals because of pinned buffers. */
  readonly transfer: CostLine;
  /** The time of runs, by the number of the task and the form of the operand, for what the device ran. */
  readonly lines: (Map<string | undefined, CostLine> | undefined)[] = [];
  /** Of these, the one that was asked for last, by the number of the task. */
  readonly recentLines: (CostLine | undefined)[] = [];
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
    for (const byForm of this.lines) for (const line of byForm?.values() ?? []) line.sums.share(learning);
  }

  line(task: Task, work: Pick<Work, 'flops' | 'bytes'>, form: string | undefined): CostLine {
    const byForm = (this.lines[task.number] ??= new Map<string | undefined, CostLine>());
    let line = byForm.get(form);
    if (line === undefined) {
      const name = `adaptive/cost/${task.operation}/${task.shape}/${form === undefined ? '' : `${form}/`}${this.id}`;
      line = new CostLine(name, genericCost(this.kind, work));
      byForm.set(form, line);
      if (this.#learning !== undefined) line.sums.share(this.#learning);
    }
    this.recentLines[task.number] = line;
    return line;
  }

  /** @returns 0 for no bytes. */
  uploadMs(bytes: number): number {
    return bytes > 0 ? this.transfer.predict(bytes) : 0;
  }

  observeUpload(bytes: number, ms: number, nowMs: number, decisions: number): void {
    const { transfer } = this;
    transfer.refresh(nowMs, decisions);
    const error = Math.log(ms / transfer.predict(bytes));
    // The first one includes the set-up of buffers that later ones use.
    const isUsual = transfer.isWarm && this.#transferRule.judge(error, transfer.outlierLimit(bytes)) !== 'spike';
    if (isUsual) transfer.fit(bytes, ms, error);
    else transfer.sums.add(LINE.runs, 1);
    transfer.isWarm = true;
    transfer.refresh(nowMs, decisions);
  }
}

/** Everything the policy has learned, and how it learns. */
export class Knowledge {
  readonly tasks: Task[] = [];
  readonly devices = new Map<string, DeviceKnowledge>();
  /** The clock of the policy: figures not measured for many decisions are less certain. */
  decisions = 0;
  /** There was a choice between devices, so each run is worth learning from. */
  isForChoosing = false;
  /** How often something was learned or imported: earlier predictions may be outdated. */
  lessons = 0;
  readonly #tokens: TokenBucket;
  #learning: SharedLearning | undefined;
  /** Of the last request: most programs repeat it. */
  #lastTask: Task | undefined;
  /** The last task and the form of its operand, if they are known well and there is no choice. */
  #routine: Task | undefined;
  #routineForm: string | undefined;
  #unlearnedRuns = 0;
  /** The last prediction for the only device, and the number of lessons before it. */
  #lone = {
    operation: '',
    shape: 'scan' as WorkShape,
    form: undefined as string | undefined,
    flops: NaN,
    bytes: NaN,
    runMs: NaN,
    lessons: -1,
  };

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

  /** The task of these requests, new if it is the first. */
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

  /** Only predicts: a program without a GPU does not pay for choosing. */
  expectOnlyCpu(work: Work, view: DeviceView, nowMs: number, out: DecisionSlot): void {
    this.decisions += 1;
    if (!view.supported) {
      out.reason = 'unsupported';
      return;
    }
    const { operation, shape, flops, bytes } = work;
    const { form } = view;
    const { lessons } = this;
    const last = this.#lone;
    const isAsBefore = last.lessons === lessons && last.flops === flops && last.bytes === bytes && last.form === form;
    if (!isAsBefore || last.operation !== operation || last.shape !== shape) {
      const line = this.device(view.id, view.kind).line(this.task(work), work, form);
      line.refresh(nowMs, this.decisions);
      const runMs = line.isKnown ? line.predict(unitsOf(work)) : NaN;
      this.#lone = { operation, shape, form, flops, bytes, runMs, lessons };
    }
    out.device = 0;
    out.reason = 'no-device';
    out.predictedMs = view.queueMs + this.#lone.runMs;
  }

  observe(sample: DispatchSample): void {
    const { work, attempt, form } = sample;
    const routine = this.#routine;
    if (routine?.operation === work.operation && routine.shape === work.shape && this.#routineForm === form) {
      // Learning costs about as much as a small request.
      if (!this.isForChoosing && attempt.outcome === 'success') {
        this.#unlearnedRuns = (this.#unlearnedRuns + 1) % RUNS_PER_LESSON;
        if (this.#unlearnedRuns !== 0) return;
      }
    }
    this.#learn(sample);
  }

  #learn(sample: DispatchSample): void {
    const { work, attempt, form } = sample;
    this.lessons += 1;
    this.#tokens.earn(attempt.latencyMs);
    if (attempt.outcome !== 'success') return;
    const device = this.device(attempt.backend, attempt.device);
    const task = this.task(work);
    const line = device.line(task, work, form);
    this.#routine = this.isForChoosing || line.sums.total[LINE.samples] < ENOUGH_SAMPLES ? undefined : task;
    this.#routineForm = form;
    if (line.exploredUpToMs !== 0) {
      // The unexpected part of the cost is paid before anything else is explored.
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
      // The first run includes warming up: code, caches, buffers, a GPU's module.
      line.isWarm = true;
      line.sums.add(LINE.runs, 1);
    } else {
      const { logFactor } = speed;
      const bucket = bucketAt(units);
      const deviation = Math.log(ms / line.predict(units, bucket));
      // As long as the line is unknown, an error is the line's and not due to the speed of the device.
      const isUsual = !line.isKnown || speed.observe(deviation, line.outlierLimit(units, bucket));
      speed.refresh(nowMs, decisions);
      if (isUsual) line.fit(units, ms / speed.factor, deviation - logFactor, bucket);
      else line.sums.add(LINE.runs, 1);
    }
    line.refresh(nowMs, decisions);
  }
}

/** Milliseconds of the run itself, with the upload of the request's own bytes; NaN where they are unknown. */
function runTimeOf({ work, attempt, uploadedBytes, queued }: DispatchSample): number {
  const { phases } = attempt;
  if (phases === undefined || phases.fused) {
    if (!queued) return attempt.latencyMs;
    return phases !== undefined && phases.queueMs > 0 ? phases.kernelMs : NaN;
  }
  const ms = phases.kernelMs + phases.downloadMs;
  return uploadedBytes > work.requestBytes ? ms : ms + phases.uploadMs;
}
