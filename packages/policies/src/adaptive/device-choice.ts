import {
  NO_DEVICE,
  type DecisionContext,
  type DecisionReason,
  type DecisionSlot,
  type DeviceView,
  type Work,
} from '@gearshift/contracts';
import { bucketAt, LINE, unitsOf, type CostLine } from './cost-line.js';
import type { DeviceKnowledge, Knowledge } from './knowledge.js';
import { ledgerKey, ResidencyLedger } from './residency-ledger.js';
import type { TokenBucket } from './token-bucket.js';
import { grown, opportunityLossMs } from './uncertainty.js';

/** Operands that are followed at once. */
const LEDGER_CAPACITY = 1024;
/** A device that ran this few decisions ago need not be explored: its last run may still be under way. */
const DECISIONS_BETWEEN_EXPLORATIONS = 16;
/** Sending a whole operand to stay may cost this much more than sending the part that is needed anyway. */
const KEEP_MARGIN = 1.1;
/** The regret is estimated at one decision in so many: it costs as much as half a decision. */
const DECISIONS_PER_REGRET = 8;
/** A device that is so many times slower adds nothing to the regret. */
const HOPELESS = 16;

/** The expected cost of one request on one device: allocated once, filled for each decision. */
class DeviceEstimate {
  /** Index into the devices of the decision. */
  index = 0;
  view: DeviceView;
  device: DeviceKnowledge;
  line: CostLine;
  /** Too little was measured there: the figures are generic, or hardly better. */
  isUnknown = true;
  /** No operand has to be sent. */
  holdsData = false;
  /** Exploring and keeping operands are allowed: not on a device that is blocked or short of memory. */
  mayTry = false;
  /** Expected latency; its parts are the wait, the run and the upload. */
  totalMs = NaN;
  runMs = NaN;
  uploadMs = NaN;
  /** `totalMs` if the device held the operand already. */
  residentMs = NaN;
  /** `totalMs` if the request fitted the device's memory in one piece. */
  wholeMs = NaN;
  #units = NaN;
  #bucket = 0;
  #uploadBytes = NaN;

  constructor(view: DeviceView, device: DeviceKnowledge, line: CostLine) {
    this.view = view;
    this.device = device;
    this.line = line;
  }

  /** @param requestBytes sent with each request; their time is part of the run. */
  fill(units: number, bucket: number, requestBytes: number): void {
    const { view, device, line } = this;
    const { chunks, queueMs } = view;
    this.isUnknown = !line.isKnown;
    this.holdsData = device.kind === 'cpu' || view.holdsOperand;
    this.mayTry = !view.blocked && chunks === 1;
    const uploadBytes = this.holdsData ? 0 : Math.max(0, view.bytesToUpload - requestBytes);
    const wholeUploadMs = this.holdsData ? 0 : device.uploadMs(uploadBytes);
    const wholeRunMs = line.predict(units, bucket, device.speed.logFactor);
    this.#units = units;
    this.#bucket = bucket;
    this.#uploadBytes = uploadBytes;
    this.wholeMs = queueMs + wholeRunMs + wholeUploadMs;
    this.runMs = chunks > 1 ? line.predict(units / chunks) * device.speed.factor * chunks : wholeRunMs;
    this.uploadMs = chunks > 1 ? device.uploadMs(uploadBytes / chunks) * chunks : wholeUploadMs;
    this.residentMs = queueMs + this.runMs;
    this.totalMs = this.residentMs + this.uploadMs;
    if (Number.isNaN(this.totalMs)) this.#exclude();
  }

  /** A device without an expectation loses every comparison. Comparing with NaN would let the first device win. */
  #exclude(): void {
    this.totalMs = Infinity;
    this.mayTry = false;
    this.isUnknown = true;
  }

  /** The expectation, or that of a usual device: the only run that was measured may have been a spike. */
  hopedMs(): number {
    const { fixedMs, msPerUnit } = this.line.prior;
    return Math.min(this.totalMs, this.totalMs - this.runMs + (fixedMs + msPerUnit * this.#units));
  }

  /** The standard deviation of the expected run, as a logarithm, without the scatter from run to run. */
  runUncertainty(decisions: number): number {
    const { line, device } = this;
    const variance = line.variance(this.#units, this.#bucket) + device.speed.variance;
    return grown(variance, decisions - device.speed.sums.lastRunAt);
  }

  /** The expectation less two standard deviations. */
  optimisticMs(decisions: number): number {
    const runMs = this.runMs * Math.exp(-2 * this.runUncertainty(decisions));
    if (this.uploadMs === 0) return this.view.queueMs + runMs;
    const { transfer } = this.device;
    const doubt = grown(transfer.variance(this.#uploadBytes), decisions - transfer.sums.lastRunAt);
    return this.view.queueMs + runMs + this.uploadMs * Math.exp(-2 * doubt);
  }

  /** The expectation with a run of two standard deviations more, the scatter included. */
  pessimisticMs(decisions: number): number {
    const doubt = Math.hypot(this.runUncertainty(decisions), Math.sqrt(this.line.noise));
    return this.totalMs - this.runMs + this.runMs * Math.exp(2 * doubt);
  }
}

/** Chooses a device for one request. */
export class DeviceChoice {
  readonly #knowledge: Knowledge;
  readonly #tokens: TokenBucket;
  readonly #tieShare: number;
  readonly #ledger = new ResidencyLedger(LEDGER_CAPACITY);
  /** The first `#count` of them are of the devices that support the request and have memory for it. */
  readonly #estimates: DeviceEstimate[] = [];
  #count = 0;
  /** The first device that supports the request and has no memory for even the smallest piece of it. */
  #full = NO_DEVICE;

  constructor(knowledge: Knowledge, tokens: TokenBucket, tieShare: number) {
    this.#knowledge = knowledge;
    this.#tokens = tokens;
    this.#tieShare = tieShare;
  }

  decide(work: Work, views: readonly DeviceView[], context: DecisionContext, out: DecisionSlot): void {
    this.#knowledge.decisions += 1;
    this.#knowledge.isForChoosing = true;
    const fastest = this.#estimate(work, views, context.nowMs);
    if (fastest === undefined) {
      // A full device that is the only one may have memory when its turn comes; otherwise the run fails there and says why.
      out.device = this.#full;
      out.reason = this.#full !== NO_DEVICE ? 'forced' : views.length === 0 ? 'no-device' : 'unsupported';
      return;
    }
    if (this.#count === 1) {
      write(out, this.#reasonForOnly(fastest, views), fastest);
      return;
    }
    const mayExplore = !context.strict && context.remainingMs === Infinity && !fastest.view.blocked;
    if (mayExplore && this.#calibrate(fastest, out)) return;
    if (fastest.isUnknown) {
      write(out, 'calibrating', fastest, this.#nextBest(fastest));
      return;
    }
    const chosen = this.#breakTie(fastest);
    if (mayExplore && this.#explore(chosen, out)) return;
    if (context.remainingMs < Infinity && this.#save(chosen, context.remainingMs, out)) return;
    if (this.#invest(work, chosen, context.remainingMs, out)) return;
    const next = this.#nextBest(chosen);
    write(out, this.#reason(chosen), chosen, next);
    if (next !== undefined && !chosen.view.blocked && this.#knowledge.decisions % DECISIONS_PER_REGRET === 0) {
      this.#countRegret(chosen, next);
    }
  }

  /** @returns the fastest of the devices that support the request and have memory for it. */
  #estimate(work: Work, views: readonly DeviceView[], nowMs: number): DeviceEstimate | undefined {
    const { decisions } = this.#knowledge;
    const task = this.#knowledge.task(work);
    task.batchSize = work.batchSize;
    task.flops = work.flops;
    task.bytes = work.bytes;
    task.rangeBytes = work.rangeBytes;
    const units = unitsOf(work);
    const bucket = bucketAt(units);
    let fastest: DeviceEstimate | undefined;
    this.#count = 0;
    this.#full = NO_DEVICE;
    for (let i = 0; i < views.length; i++) {
      const view = views[i];
      if (!view.supported) continue;
      if (view.chunks === Infinity) {
        if (this.#full === NO_DEVICE) this.#full = i;
        continue;
      }
      const device = this.#knowledge.device(view.id, view.kind);
      const line = device.line(task, work, view.form);
      line.refresh(nowMs, decisions);
      device.speed.refresh(nowMs, decisions);
      if (view.kind !== 'cpu') device.transfer.refresh(nowMs, decisions);
      const estimate = (this.#estimates[this.#count] ??= new DeviceEstimate(view, device, line));
      estimate.index = i;
      estimate.view = view;
      estimate.device = device;
      estimate.line = line;
      estimate.fill(units, bucket, work.requestBytes);
      if (fastest === undefined || estimate.totalMs < fastest.totalMs) fastest = estimate;
      this.#count += 1;
    }
    return fastest;
  }

  #nextBest(chosen: DeviceEstimate): DeviceEstimate | undefined {
    let next: DeviceEstimate | undefined;
    for (let i = 0; i < this.#count; i++) {
      const other = this.#estimates[i];
      if (other !== chosen && (next === undefined || other.totalMs < next.totalMs)) next = other;
    }
    return next;
  }

  /** Chooses an unknown device as soon as the tokens allow it. */
  #calibrate(fastest: DeviceEstimate, out: DecisionSlot): boolean {
    for (let i = 0; i < this.#count; i++) {
      const other = this.#estimates[i];
      if (other === fastest || !other.isUnknown || !other.mayTry) continue;
      const extraMs = other.hopedMs() - fastest.totalMs;
      if (!this.#tokens.canAfford(extraMs)) continue;
      this.#tokens.spend(extraMs);
      write(out, 'calibrating', other, fastest);
      return true;
    }
    return false;
  }

  /** Among devices that are about as fast: the one that holds the data, then the one with the shorter queue. */
  #breakTie(fastest: DeviceEstimate): DeviceEstimate {
    const limitMs = fastest.totalMs * (1 + this.#tieShare);
    let chosen = fastest;
    for (let i = 0; i < this.#count; i++) {
      const other = this.#estimates[i];
      if (other === chosen || other.isUnknown || !(other.totalMs <= limitMs)) continue;
      if (other.holdsData !== chosen.holdsData ? other.holdsData : other.view.queueMs < chosen.view.queueMs)
        chosen = other;
    }
    return chosen;
  }

  /** Tries another device that may be faster, if the tokens allow it. */
  #explore(chosen: DeviceEstimate, out: DecisionSlot): boolean {
    const { decisions } = this.#knowledge;
    let best: DeviceEstimate | undefined;
    let bestMs = chosen.totalMs;
    for (let i = 0; i < this.#count; i++) {
      const other = this.#estimates[i];
      if (other === chosen || other.isUnknown || !other.mayTry) continue;
      if (decisions - other.line.sums.lastRunAt <= DECISIONS_BETWEEN_EXPLORATIONS) continue;
      if (!this.#tokens.canAffordTrial(other.totalMs - chosen.totalMs)) continue;
      const ms = other.optimisticMs(decisions);
      if (ms < bestMs) {
        best = other;
        bestMs = ms;
      }
    }
    if (best === undefined) return false;
    const { line } = best;
    const extraMs = Math.max(0, best.totalMs - chosen.totalMs);
    this.#tokens.spend(extraMs);
    line.exploredUpToMs = chosen.totalMs + extraMs;
    line.sums.add(LINE.explorations, 1);
    line.sums.add(LINE.regretMs, extraMs);
    write(out, 'explore', best, chosen);
    return true;
  }

  /** Chooses the device that is most likely to meet the deadline where the fastest may miss it. */
  #save(chosen: DeviceEstimate, remainingMs: number, out: DecisionSlot): boolean {
    const { decisions } = this.#knowledge;
    let surest = chosen;
    let surestMs = chosen.pessimisticMs(decisions);
    if (surestMs <= remainingMs) return false;
    for (let i = 0; i < this.#count; i++) {
      const ms = this.#estimates[i].pessimisticMs(decisions);
      if (ms < surestMs) {
        surest = this.#estimates[i];
        surestMs = ms;
      }
    }
    if (surest === chosen) return false;
    write(out, 'deadline', surest, chosen);
    return true;
  }

  /**
   * Adds up what is lost because a device does not hold the operand, and sends it there once the sum has reached the price:
   * at once where the owner of the operand expects enough uses.
   */
  #invest(work: Work, chosen: DeviceEstimate, remainingMs: number, out: DecisionSlot): boolean {
    for (let i = 0; i < this.#count; i++) {
      const other = this.#estimates[i];
      if (other.holdsData || other.isUnknown || !other.mayTry) continue;
      const { bytesToKeep } = other.view;
      if (!(bytesToKeep > 0 && bytesToKeep < Infinity)) continue;
      const lostMs = chosen.totalMs - other.residentMs;
      const priceMs = other.device.uploadMs(bytesToKeep);
      const keptMs = other.residentMs + priceMs;
      if (!(lostMs > 0) || keptMs > remainingMs) continue;
      const isFree = other === chosen && priceMs <= lostMs * KEEP_MARGIN;
      const key = ledgerKey(work.operandId, work.operandVersion);
      const expectedLossMs = work.expectedUses > 1 ? lostMs * work.expectedUses : lostMs;
      if (!isFree && !this.#ledger.charge(key, other.device.number, expectedLossMs, priceMs)) continue;
      write(out, isFree ? 'predicted-faster' : 'invest-upload', other, this.#nextBest(other));
      out.predictedMs = keptMs;
      out.keep = true;
      return true;
    }
    return false;
  }

  #reasonForOnly({ device }: DeviceEstimate, views: readonly DeviceView[]): DecisionReason {
    if (this.#full !== NO_DEVICE) return 'memory';
    if (device.kind !== 'cpu') return 'forced';
    return views.some(isNoCpu) ? 'unsupported' : 'no-device';
  }

  /** The reason for a choice that no special rule has made. */
  #reason(chosen: DeviceEstimate): DecisionReason {
    let isOtherBusy = false;
    for (let i = 0; i < this.#count; i++) {
      const other = this.#estimates[i];
      if (other === chosen) continue;
      if (other.view.chunks > 1 && other.wholeMs < chosen.totalMs) return 'memory';
      const isFasterIdle = other.totalMs - other.view.queueMs < chosen.totalMs - chosen.view.queueMs;
      isOtherBusy ||= isFasterIdle && other.totalMs > chosen.totalMs;
    }
    if (isOtherBusy) return 'queue';
    return chosen.device.kind !== 'cpu' && chosen.view.holdsOperand ? 'resident' : 'predicted-faster';
  }

  #countRegret(chosen: DeviceEstimate, other: DeviceEstimate): void {
    if (other.totalMs > HOPELESS * chosen.totalMs) return;
    const { decisions } = this.#knowledge;
    const deviation = Math.hypot(chosen.runUncertainty(decisions), other.runUncertainty(decisions));
    const lossMs = opportunityLossMs(chosen.totalMs, other.totalMs, deviation);
    if (!(lossMs < Infinity)) return;
    chosen.line.sums.add(LINE.regretMs, DECISIONS_PER_REGRET * lossMs);
  }
}

const isNoCpu = ({ kind }: DeviceView): boolean => kind !== 'cpu';

function write(out: DecisionSlot, reason: DecisionReason, chosen: DeviceEstimate, other?: DeviceEstimate): void {
  out.device = chosen.index;
  out.reason = reason;
  out.predictedMs = chosen.isUnknown ? NaN : chosen.totalMs;
  out.alternativeMs = other === undefined || other.isUnknown ? NaN : other.totalMs;
}
