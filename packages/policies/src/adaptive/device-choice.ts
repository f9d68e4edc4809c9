import type { DecisionContext, DecisionReason, DecisionSlot, DeviceView, Work } from '@gearshift/contracts';
import { DeviceEstimate } from './device-estimate.js';
import { unitsOf } from './generic-cost.js';
import type { Knowledge } from './knowledge.js';
import { opportunityLossMs } from './opportunity-loss.js';
import { bucketAt } from './residual-buckets.js';
import { ledgerKey, ResidencyLedger } from './residency-ledger.js';
import { remember } from './task.js';
import type { TokenBucket } from './token-bucket.js';

/** Operands that are followed at once. */
const LEDGER_CAPACITY = 1024;
/** A device that ran this few decisions ago need not be explored: its last run may still be under way. */
const DECISIONS_BETWEEN_EXPLORATIONS = 16;
/** Sending a whole operand to stay may cost this much more than sending the part that is needed anyway. */
const KEEP_MARGIN = 1.1;

/** The regret is estimated at one decision in so many: it costs as much as half a decision. */
const DECISIONS_PER_REGRET = 8;
/** A device that is so many times slower is not in the running. */
const HOPELESS = 16;

interface LonePrediction extends Pick<Work, 'operation' | 'shape' | 'flops' | 'bytes'> {
  readonly runMs: number;
  /** What had been learned when it was made. */
  readonly lessons: number;
}

/** Chooses a device for one request by what is known of them all. */
export class DeviceChoice {
  readonly #knowledge: Knowledge;
  readonly #tokens: TokenBucket;
  readonly #tieShare: number;
  readonly #ledger = new ResidencyLedger(LEDGER_CAPACITY);
  /** Those that may run the request are the first `#count` of them. */
  readonly #estimates: DeviceEstimate[] = [];
  #count = 0;
  /** The last prediction for the only device. */
  #lone: LonePrediction = { operation: '', shape: 'scan', flops: NaN, bytes: NaN, runMs: NaN, lessons: -1 };

  constructor(knowledge: Knowledge, tokens: TokenBucket, tieShare: number) {
    this.#knowledge = knowledge;
    this.#tokens = tokens;
    this.#tieShare = tieShare;
  }

  decide(work: Work, views: readonly DeviceView[], context: DecisionContext, out: DecisionSlot): void {
    this.#knowledge.decisions += 1;
    if (views.length === 1 && views[0].kind === 'cpu') {
      const last = this.#lone;
      if (last.lessons === this.#knowledge.lessons && last.flops === work.flops && last.bytes === work.bytes) {
        // The same again, and nothing was learned since: the prediction stands.
        if (last.operation === work.operation && last.shape === work.shape && views[0].supported) {
          out.device = 0;
          out.reason = 'no-device';
          out.predictedMs = views[0].queueMs + last.runMs;
          return;
        }
      }
      this.#chooseCpu(work, views[0], context.nowMs, out);
      return;
    }
    this.#knowledge.isForChoosing = true;
    this.#estimate(work, views, context.nowMs);
    if (this.#count === 0) {
      out.reason = views.length === 0 ? 'no-device' : 'unsupported';
      return;
    }
    const fastest = this.#fastest();
    if (this.#count === 1) {
      write(out, fastest, undefined, fastest.device.kind === 'cpu' ? reasonToBeAlone(views) : 'forced');
      return;
    }
    const mayExplore = !context.strict && context.remainingMs === Infinity && !fastest.view.blocked;
    if (mayExplore && this.#calibrate(fastest, out)) return;
    if (fastest.isUnknown) {
      write(out, fastest, this.#nextBest(fastest), 'calibrating');
      return;
    }
    const chosen = this.#breakTie(fastest);
    if (mayExplore && this.#explore(chosen, out)) return;
    if (context.remainingMs < Infinity && this.#save(chosen, context.remainingMs, out)) return;
    if (this.#invest(work, chosen, context.remainingMs, out)) return;
    const next = this.#nextBest(chosen);
    write(out, chosen, next, this.#reason(chosen));
    if (next !== undefined && !chosen.view.blocked) this.#countRegret(chosen, next);
  }

  /** Says what it expects of the only device, and no more than that: a program without a GPU does not pay for choosing. */
  #chooseCpu(work: Work, { id, kind, supported, queueMs }: DeviceView, nowMs: number, out: DecisionSlot): void {
    out.reason = supported ? 'no-device' : 'unsupported';
    if (!supported) return;
    out.device = 0;
    const { tasks, decisions } = this.#knowledge;
    const line = this.#knowledge.device(id, kind).line(tasks.of(work), work);
    line.refresh(nowMs, decisions);
    const runMs = line.isKnown ? line.predict(unitsOf(work)) : NaN;
    out.predictedMs = queueMs + runMs;
    const { operation, shape, flops, bytes } = work;
    this.#lone = { operation, shape, flops, bytes, runMs, lessons: this.#knowledge.lessons };
  }

  #estimate(work: Work, views: readonly DeviceView[], nowMs: number): void {
    const { tasks, decisions } = this.#knowledge;
    const task = tasks.of(work);
    remember(task, work);
    const units = unitsOf(work);
    const bucket = bucketAt(units);
    this.#count = 0;
    for (let i = 0; i < views.length; i++) {
      const view = views[i];
      if (!view.supported) continue;
      const device = this.#knowledge.device(view.id, view.kind);
      const line = device.line(task, work);
      line.refresh(nowMs, decisions);
      device.speed.refresh(nowMs, decisions);
      if (view.kind !== 'cpu') device.transfer.refresh(nowMs, decisions);
      const estimate = (this.#estimates[this.#count] ??= new DeviceEstimate(view, device, line));
      estimate.index = i;
      estimate.view = view;
      estimate.device = device;
      estimate.line = line;
      estimate.fill(units, bucket, work.requestBytes);
      this.#count += 1;
    }
  }

  #fastest(): DeviceEstimate {
    let fastest = this.#estimates[0];
    for (let i = 1; i < this.#count; i++) {
      if (this.#estimates[i].totalMs < fastest.totalMs) fastest = this.#estimates[i];
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

  /** Has a device that nothing is known about run something, as soon as that costs no more than the tokens allow. */
  #calibrate(fastest: DeviceEstimate, out: DecisionSlot): boolean {
    for (let i = 0; i < this.#count; i++) {
      const other = this.#estimates[i];
      if (other === fastest || !other.isUnknown || !mayTry(other)) continue;
      // What a single run said may have been a spike.
      const hopedMs = Math.min(other.totalMs, other.totalMs - other.runMs + other.genericRunMs());
      const extraMs = hopedMs - fastest.totalMs;
      if (!this.#tokens.canAfford(extraMs)) continue;
      this.#tokens.spend(extraMs);
      write(out, other, fastest, 'calibrating');
      return true;
    }
    return false;
  }

  /** Of those that are as good as the fastest: the one that holds the data, then the one that is idle. */
  #breakTie(fastest: DeviceEstimate): DeviceEstimate {
    const limitMs = fastest.totalMs * (1 + this.#tieShare);
    let chosen = fastest;
    for (let i = 0; i < this.#count; i++) {
      const other = this.#estimates[i];
      if (other === chosen || other.isUnknown || !(other.totalMs <= limitMs)) continue;
      if (other.holdsData !== chosen.holdsData ? other.holdsData : other.queueMs < chosen.queueMs) chosen = other;
    }
    return chosen;
  }

  /** Tries another device that may well be faster, for all that is known, if the tokens allow it. */
  #explore(chosen: DeviceEstimate, out: DecisionSlot): boolean {
    const { decisions } = this.#knowledge;
    let brightest: DeviceEstimate | undefined;
    let brightestMs = chosen.totalMs;
    for (let i = 0; i < this.#count; i++) {
      const other = this.#estimates[i];
      if (other === chosen || other.isUnknown || !mayTry(other)) continue;
      if (decisions - other.line.lastRunAt <= DECISIONS_BETWEEN_EXPLORATIONS) continue;
      if (!this.#tokens.canAffordTrial(other.totalMs - chosen.totalMs)) continue;
      const ms = other.optimisticMs(decisions);
      if (ms < brightestMs) {
        brightest = other;
        brightestMs = ms;
      }
    }
    if (brightest === undefined) return false;
    const { line } = brightest;
    const extraMs = Math.max(0, brightest.totalMs - chosen.totalMs);
    this.#tokens.spend(extraMs);
    line.exploredUpToMs = chosen.totalMs + extraMs;
    line.addExploration();
    line.addRegret(extraMs);
    write(out, brightest, chosen, 'explore');
    return true;
  }

  /** Where the choice may well miss the deadline: the device that is the surest to meet it, if that is another one. */
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
    write(out, surest, chosen, 'deadline');
    return true;
  }

  /**
   * Charges what is lost because a device does not hold the operand, and sends it there once that has paid for it: at once
   * where the uses that its owner expects will.
   */
  #invest(work: Work, chosen: DeviceEstimate, remainingMs: number, out: DecisionSlot): boolean {
    for (let i = 0; i < this.#count; i++) {
      const other = this.#estimates[i];
      const { view, device } = other;
      if (other.holdsData || other.isUnknown || !mayTry(other)) continue;
      if (!(view.bytesToKeep > 0 && view.bytesToKeep < Infinity)) continue;
      const lostMs = chosen.totalMs - other.residentMs;
      const priceMs = device.transfer.predict(view.bytesToKeep);
      const keptMs = other.residentMs + priceMs;
      if (!(lostMs > 0) || keptMs > remainingMs) continue;
      const isFree = other === chosen && priceMs <= lostMs * KEEP_MARGIN;
      const key = ledgerKey(work.operandId, work.operandVersion);
      const expectedLossMs = lostMs * Math.max(1, work.expectedUses);
      if (!isFree && !this.#ledger.charge(key, device.number, expectedLossMs, priceMs)) continue;
      write(out, other, this.#nextBest(other), isFree ? 'predicted-faster' : 'invest-upload');
      out.predictedMs = keptMs;
      out.keep = true;
      return true;
    }
    return false;
  }

  /** What decided, for the choice that no special rule has made. */
  #reason(chosen: DeviceEstimate): DecisionReason {
    let isFastestIdle = true;
    for (let i = 0; i < this.#count; i++) {
      const other = this.#estimates[i];
      if (other === chosen) continue;
      if (other.view.chunks > 1 && other.wholeMs < chosen.totalMs) return 'memory';
      if (other.totalMs > chosen.totalMs && other.totalMs - other.queueMs < chosen.totalMs - chosen.queueMs) {
        isFastestIdle = false;
      }
    }
    if (!isFastestIdle) return 'queue';
    return chosen.device.kind !== 'cpu' && chosen.view.holdsOperand ? 'resident' : 'predicted-faster';
  }

  #countRegret(chosen: DeviceEstimate, other: DeviceEstimate): void {
    const { decisions } = this.#knowledge;
    if (decisions % DECISIONS_PER_REGRET !== 0 || other.totalMs > HOPELESS * chosen.totalMs) return;
    const deviation = Math.hypot(chosen.runUncertainty(decisions), other.runUncertainty(decisions));
    chosen.line.addRegret(DECISIONS_PER_REGRET * opportunityLossMs(chosen.totalMs, other.totalMs, deviation));
  }
}

/** Nothing is spent on a device that is out of order, nor where its memory is short. */
function mayTry({ view }: DeviceEstimate): boolean {
  return !view.blocked && view.chunks === 1;
}

function reasonToBeAlone(views: readonly DeviceView[]): DecisionReason {
  for (let i = 0; i < views.length; i++) if (views[i].kind !== 'cpu') return 'unsupported';
  return 'no-device';
}

function write(
  out: DecisionSlot,
  chosen: DeviceEstimate,
  other: DeviceEstimate | undefined,
  reason: DecisionReason,
): void {
  out.device = chosen.index;
  out.reason = reason;
  out.predictedMs = chosen.isUnknown ? NaN : chosen.totalMs;
  out.alternativeMs = other === undefined || other.isUnknown ? NaN : other.totalMs;
}
