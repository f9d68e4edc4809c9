import { simulate } from './simulate.mjs';

const SHARDS = [4, 16, 64, 256, 1000];
/** One answer of a hundred comes so much later, as in a pause for garbage collection of a busy machine. */
export const STRAGGLERS = { share: 0.01, ms: 50 };

/** The scenarios of the page and the chart, from measured constants. */
export function simulateScenarios(constants) {
  return SHARDS.map((shards) => ({
    shards,
    plain: simulate(constants, { shards }),
    hedged: simulate(constants, { shards, hedges: true }),
    late: simulate(constants, { shards, stragglers: STRAGGLERS }),
    lateHedged: simulate(constants, { shards, stragglers: STRAGGLERS, hedges: true }),
    merged: simulate(constants, { shards, mergers: true }),
  }));
}
