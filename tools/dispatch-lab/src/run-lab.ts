import type { Contender } from './contenders/contender.js';
import { median } from './median.js';
import { oracleLatencies } from './oracle.js';
import { LossByChoice } from './report/loss-by-choice.js';
import type { ScenarioCurve } from './report/scenario-result.js';
import { simulate, type Simulation } from './simulate.js';
import { createTrace } from './traces/create-trace.js';
import type { TraceDefinition } from './traces/trace.js';
import type { World } from './world.js';
import type { ZeroMemory } from './zero-memory.js';

export interface Scenario {
  readonly definition: TraceDefinition;
  readonly world: World;
  readonly contenders: readonly Contender[];
  /** Runs with the seeds 1 to this. */
  readonly seeds: number;
  readonly requestCount?: number | undefined;
}

/** Points of a curve, without the one at 0. */
const CURVE_STEPS = 100;

/** Runs every contender on the same traces, one for each seed. */
export async function runScenario(scenario: Scenario, memory: ZeroMemory): Promise<ScenarioCurve[]> {
  const { definition, world, contenders, seeds, requestCount } = scenario;
  const runs = contenders.map((): SeedRun[] => []);
  const losses = contenders.map(() => new LossByChoice());
  for (let seed = 1; seed <= seeds; seed++) {
    const trace = createTrace(definition, world, seed, memory, requestCount);
    const oracleMs = oracleLatencies(trace);
    for (const [index, contender] of contenders.entries()) {
      const simulation = await simulate(trace, contender);
      runs[index].push(compare(simulation, oracleMs));
      losses[index].add(trace, simulation, oracleMs);
    }
  }
  return contenders.map(({ name }, index) => {
    const of = (value: (run: SeedRun) => number) => runs[index].map(value);
    return {
      result: {
        trace: definition.name,
        world: world.name,
        policy: name,
        seeds,
        regretPercent: rounded(median(of(({ regretPercent }) => regretPercent))),
        worstPercent: rounded(Math.max(...of(({ regretPercent }) => regretPercent))),
        failedAttempts: median(of(({ simulation }) => simulation.failedAttempts)),
        outOfMemory: median(of(({ simulation }) => simulation.outOfMemory)),
      },
      lostPercent: Array.from({ length: CURVE_STEPS + 1 }, (_, step) =>
        rounded(median(of(({ lostPercent }) => lostPercent[step]))),
      ),
      unanswered: median(of(({ simulation }) => simulation.unanswered)),
      late: median(of(({ simulation }) => simulation.late)),
      losses: losses[index],
    };
  });
}

interface SeedRun {
  readonly simulation: Simulation;
  readonly regretPercent: number;
  readonly lostPercent: readonly number[];
}

function compare(simulation: Simulation, oracleMs: Float64Array): SeedRun {
  const { latenciesMs } = simulation;
  const totalMs = oracleMs.reduce((sum, ms) => sum + ms, 0);
  const lostPercent = [0];
  let lostMs = 0;
  for (let i = 0; i < oracleMs.length; i++) {
    lostMs += latenciesMs[i] - oracleMs[i];
    // As many points as steps, for any number of requests.
    while (lostPercent.length <= Math.floor(((i + 1) * CURVE_STEPS) / oracleMs.length)) {
      lostPercent.push((lostMs / totalMs) * 100);
    }
  }
  return { simulation, regretPercent: (lostMs / totalMs) * 100, lostPercent };
}

/** Smaller differences are noise of the last bits and would make files differ. */
function rounded(percent: number): number {
  return Math.round(percent * 100) / 100;
}
