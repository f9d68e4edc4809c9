import type { TraceName } from '../traces/trace.js';
import type { WorldName } from '../world.js';
import type { LossByChoice } from './loss-by-choice.js';

/** The result of one policy on one trace in one world, over several seeds: one entry of the lab's JSON. */
export interface ScenarioResult {
  readonly trace: TraceName;
  readonly world: WorldName;
  readonly policy: string;
  readonly seeds: number;
  /** Time over the oracle's, in percent: the median over seeds. */
  readonly regretPercent: number;
  /** The same for the worst seed. */
  readonly worstPercent: number;
  /** Attempts that failed in any way: the median over seeds. */
  readonly failedAttempts: number;
  /** Of these, how many ran out of memory: the median over seeds. */
  readonly outOfMemory: number;
}

/** Additional data for plots. */
export interface ScenarioCurve {
  readonly result: ScenarioResult;
  /** Time lost so far against the oracle, in percent of all of its time, at equal steps: the median over seeds. */
  readonly lostPercent: readonly number[];
  /** Requests without an answer and answers that came too late: medians over seeds. */
  readonly unanswered: number;
  readonly late: number;
  readonly losses: LossByChoice;
}
