import type { TraceName } from '../traces/trace.js';
import type { WorldName } from '../world.js';
import type { ScenarioResult } from './scenario-result.js';

/** The judged policy: the default of the project. */
export const JUDGED_POLICY = 'adaptive';

interface Goal {
  readonly regretPercent: number;
  readonly failedAttempts?: number;
  readonly outOfMemory?: number;
  /** Percent by which a baseline may be better and still count as a tie. */
  readonly tiePercent?: number;
}

/** Chosen before the policy was written. T8 has no separate limit: there the policy must be better than all others. */
const GOALS: Readonly<Partial<Record<TraceName, Goal>>> = {
  T1: { regretPercent: 2 },
  T2: { regretPercent: 5, tiePercent: 1 },
  T3: { regretPercent: 5, tiePercent: 1 },
  T4: { regretPercent: 10 },
  T5: { regretPercent: 5 },
  T5b: { regretPercent: 15 },
  T6: { regretPercent: 6, failedAttempts: 500 },
  T7: { regretPercent: 2, outOfMemory: 30 },
  T9: { regretPercent: 5 },
};

export interface Verdict {
  readonly trace: TraceName;
  readonly world: WorldName;
  readonly held: boolean;
  /** The limit and the measured value. */
  readonly goal: string;
  readonly measured: string;
}

/** The verdict on each goal, for the traces and worlds on which the judged policy was measured. */
export function judge(results: readonly ScenarioResult[]): Verdict[] {
  return results
    .filter(({ policy }) => policy === JUDGED_POLICY)
    .map((judged) => {
      const { trace, world, regretPercent, failedAttempts, outOfMemory } = judged;
      const goal: Goal = GOALS[trace] ?? { regretPercent: Infinity };
      const others = results.filter((one) => one.trace === trace && one.world === world && one !== judged);
      const best = others.reduce<ScenarioResult | undefined>(
        (least, one) => (least === undefined || one.regretPercent < least.regretPercent ? one : least),
        undefined,
      );
      const conditions = [
        { isMet: regretPercent <= goal.regretPercent, text: `regret <= ${goal.regretPercent} %` },
        { isMet: failedAttempts <= (goal.failedAttempts ?? Infinity), text: `<= ${goal.failedAttempts} failed` },
        { isMet: outOfMemory <= (goal.outOfMemory ?? Infinity), text: `<= ${goal.outOfMemory} out of memory` },
      ].filter(({ text }) => !/Infinity|undefined/.test(text));
      const isAhead = best === undefined || regretPercent <= best.regretPercent + (goal.tiePercent ?? 0);
      const tie = goal.tiePercent === undefined ? '' : ` (within ${goal.tiePercent} point)`;
      return {
        trace,
        world,
        held: isAhead && conditions.every(({ isMet }) => isMet),
        goal: [...conditions.map(({ text }) => text), `ahead of every baseline${tie}`].join(', '),
        measured: [
          `${regretPercent.toFixed(1)} %`,
          ...(goal.failedAttempts === undefined ? [] : [`${failedAttempts} failed`]),
          ...(goal.outOfMemory === undefined ? [] : [`${outOfMemory} out of memory`]),
          ...(best === undefined ? [] : [`best baseline ${best.policy} ${best.regretPercent.toFixed(1)} %`]),
        ].join(', '),
      };
    });
}
