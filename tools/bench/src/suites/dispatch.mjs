import { measureAllocation } from '../dispatch/allocation.mjs';
import { measureDecisions } from '../dispatch/decision-cost.mjs';
import { measureFacade } from '../dispatch/facade-cost.mjs';
import { measureSharedDecisions } from '../dispatch/shared-decision-cost.mjs';

const WHOLE_DECISION_NS = 1000;
const SYNC_OVERHEAD_NS = 1000;
const ASYNC_OVERHEAD_NS = 3000;

export default {
  name: 'dispatch',
  description: 'decisions, alone and beside writers, and what the facade adds to a call of the backend',

  async run({ quick, log }) {
    const rounds = quick ? 3 : 101;

    log('Decisions ...');
    const decisions = await measureDecisions({ rounds, perTurn: quick ? 2000 : 20_000 });
    log('Decisions beside writers ...');
    const beside = await measureSharedDecisions({ rounds, perTurn: quick ? 50 : 500, writerCounts: [1, 4, 8] });
    log('The facade ...');
    const facade = await measureFacade({ rounds, turnMs: quick ? 1 : 5 });
    log('Allocation ...');
    const allocation = await measureAllocation({ calls: quick ? 500 : 10_000 });

    return {
      tables: [decisions.table, beside.table, ...facade.tables, ...allocation],
      goals: [
        atMost('D1', 'choice from what the thread holds <= 3 ns', decisions.ruleNs, 3),
        ...decisions.wholeDecisions.map(({ what, ns }) =>
          atMost('D1', `decide <= ${WHOLE_DECISION_NS} ns: ${what}`, ns, WHOLE_DECISION_NS),
        ),
        ...beside.rows.filter(({ writers }) => writers >= 4).flatMap(sharedGoals),
        ...facadeGoals(facade, 'sync', 'synchronous', SYNC_OVERHEAD_NS),
        ...facadeGoals(facade, 'async', 'asynchronous', ASYNC_OVERHEAD_NS),
        ...facadeGoals(facade, 'into', 'run, own output', ASYNC_OVERHEAD_NS),
      ],
    };
  },
};

function sharedGoals({ writers, plainNs, lookingNs }) {
  const goal = `decide <= ${WHOLE_DECISION_NS} ns, ${writers} others published`;
  return [
    atMost('D1', goal, plainNs, WHOLE_DECISION_NS),
    { ...atMost('D1', `${goal}, and are looked at`, lookingNs, WHOLE_DECISION_NS), note: 'at most once in 10 ms' },
  ];
}

/** The slowest request represents all of them. */
function facadeGoals({ costs, gpuCalls }, way, what, mostNs) {
  const ofWay = costs.filter((cost) => cost.way === way);
  const worst = (key) => ofWay.reduce((most, cost) => (cost[key] > most[key] ? cost : most));
  const alone = worst('aloneNs');
  const besideGpu = worst('besideGpuNs');
  const chosen = gpuCalls === 0 ? '' : `; the GPU was tried ${gpuCalls} times`;
  return [
    { ...atMost('D4', `facade, ${what}, CPU alone: <= ${mostNs} ns more`, alone.aloneNs, mostNs), note: alone.job },
    {
      ...atMost('D4', `facade, ${what}, beside a GPU: <= ${mostNs} ns more`, besideGpu.besideGpuNs, mostNs),
      note: `${besideGpu.job}${chosen}`,
    },
  ];
}

function atMost(id, target, measured, most) {
  return { id, target, measured, pass: measured <= most };
}
