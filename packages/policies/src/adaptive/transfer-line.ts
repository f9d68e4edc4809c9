import type { SharedLearning } from '@gearshift/contracts';
import { CostLine } from './cost-line.js';
import { GENERIC_TRANSFER } from './generic-cost.js';
import { SpikeRule } from './spike-rule.js';

/**
 * The time to send the rows of an operand to a device, learned from what backends report of their uploads and from nothing
 * else: a line with corrections per size like that of a cost, since pinned buffers make transfers of two speeds.
 */
export class TransferLine {
  readonly line: CostLine;
  readonly #rule = new SpikeRule();

  constructor(deviceId: string) {
    this.line = new CostLine(`adaptive/upload/${deviceId}`, GENERIC_TRANSFER);
  }

  share(learning: SharedLearning): void {
    this.line.share(learning);
  }

  refresh(nowMs: number, decisions: number): void {
    this.line.refresh(nowMs, decisions);
  }

  /** @returns 0 for no bytes: what is not sent takes no time. */
  predict(bytes: number): number {
    return bytes > 0 ? this.line.predict(bytes) : 0;
  }

  observe(bytes: number, ms: number): void {
    const { line } = this;
    // The first one pays for setting up what the later ones use.
    if (!line.isWarm) {
      line.isWarm = true;
      line.addRun();
      return;
    }
    const error = Math.log(ms / line.predict(bytes));
    if (this.#rule.judge(error, line.outlierLimit(bytes)) === 'spike') line.addRun();
    else line.fit(bytes, ms, error);
  }
}
