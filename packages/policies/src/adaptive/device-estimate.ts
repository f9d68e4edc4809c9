import type { DeviceView } from '@gearshift/contracts';
import type { CostLine } from './cost-line.js';
import type { DeviceKnowledge } from './device-knowledge.js';
import { grown } from './uncertainty.js';

/** What one request would cost on one device: allocated once, filled anew for each decision. */
export class DeviceEstimate {
  /** Index into the devices that the policy was shown. */
  index = 0;
  view: DeviceView;
  device: DeviceKnowledge;
  line: CostLine;
  /** Expected latency, and its parts. */
  totalMs = NaN;
  queueMs = NaN;
  runMs = NaN;
  uploadMs = NaN;
  /** What `totalMs` would be if the device held the operand already. */
  residentMs = NaN;
  /** What it would be if the request fitted the device's memory as a whole. */
  wholeMs = NaN;
  #units = NaN;
  #bucket = 0;
  #uploadBytes = NaN;

  constructor(view: DeviceView, device: DeviceKnowledge, line: CostLine) {
    this.view = view;
    this.device = device;
    this.line = line;
  }

  /** Too little was measured there: the figures are generic, or as good as that. */
  get isUnknown(): boolean {
    return !this.line.isKnown;
  }

  /** The data need not travel. */
  get holdsData(): boolean {
    return this.device.kind === 'cpu' || this.view.holdsOperand;
  }

  /**
   * @param bucket that this much work falls into.
   * @param requestBytes what travels with each request; it counts as part of the run.
   */
  fill(units: number, bucket: number, requestBytes: number): void {
    const { view, device, line } = this;
    const { chunks, queueMs } = view;
    const wholeRunMs = line.predictAt(units, bucket, device.speed.logFactor);
    const uploadBytes = device.kind === 'cpu' || view.holdsOperand ? 0 : Math.max(0, view.bytesToUpload - requestBytes);
    const wholeUploadMs = device.transfer.predict(uploadBytes);
    this.#units = units;
    this.#bucket = bucket;
    this.#uploadBytes = uploadBytes;
    this.queueMs = queueMs;
    this.wholeMs = queueMs + wholeRunMs + wholeUploadMs;
    this.runMs = chunks > 1 ? line.predict(units / chunks) * device.speed.factor * chunks : wholeRunMs;
    this.uploadMs = chunks > 1 ? device.transfer.predict(uploadBytes / chunks) * chunks : wholeUploadMs;
    this.residentMs = queueMs + this.runMs;
    this.totalMs = this.residentMs + this.uploadMs;
  }

  /** How far the expected run may be off, as a logarithm, the scatter from run to run left out. */
  runUncertainty(decisions: number): number {
    const { line, device } = this;
    const variance = line.variance(this.#units, this.#bucket) + device.speed.variance;
    return grown(variance, decisions - device.speed.lastRunAt);
  }

  /** The expected run, where nothing was measured. */
  genericRunMs(): number {
    return this.line.generic(this.#units);
  }

  /** The expectation with all uncertainty on the bright side. */
  optimisticMs(decisions: number): number {
    const runMs = this.runMs * Math.exp(-2 * this.runUncertainty(decisions));
    if (this.uploadMs === 0) return this.queueMs + runMs;
    const { transfer } = this.device;
    const doubt = grown(transfer.line.variance(this.#uploadBytes), decisions - transfer.line.lastRunAt);
    return this.queueMs + runMs + this.uploadMs * Math.exp(-2 * doubt);
  }

  /** The expectation with all uncertainty about the run on the dark side, the scatter included. */
  pessimisticMs(decisions: number): number {
    const doubt = Math.hypot(this.runUncertainty(decisions), this.line.deviation);
    return this.totalMs - this.runMs + this.runMs * Math.exp(2 * doubt);
  }
}
