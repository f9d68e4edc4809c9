import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CONTENDERS, findContender } from './contenders/contenders.js';
import { LAB_USAGE, parseLabArguments } from './lab-arguments.js';
import { judge } from './report/goals.js';
import { regretPlot } from './report/regret-plot.js';
import { regretTable } from './report/regret-table.js';
import type { ScenarioCurve } from './report/scenario-result.js';
import { runScenario } from './run-lab.js';
import { DIMENSIONS } from './world.js';
import { createZeroMemory } from './zero-memory.js';

const LARGEST_ROWS = 1_000_000;

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(`${LAB_USAGE}\n`);
    return 0;
  }
  const { worlds, traces, seeds, policies, requestCount, json, plot, reasons } = parseLabArguments(args);
  const contenders = policies.length === 0 ? CONTENDERS : await Promise.all(policies.map(findContender));
  const memory = createZeroMemory(LARGEST_ROWS * DIMENSIONS);
  const all: ScenarioCurve[] = [];
  for (const world of worlds) {
    const curves: ScenarioCurve[] = [];
    for (const definition of traces) {
      process.stderr.write(`${world.name} ${definition.name} ${definition.title} ...\n`);
      const ofTrace = await runScenario({ definition, world, contenders, seeds, requestCount }, memory);
      if (plot !== undefined) {
        writeTo(join(plot, `${definition.name}-${world.name}.svg`), regretPlot(definition, world, ofTrace));
      }
      curves.push(...ofTrace);
    }
    process.stdout.write(`\n${world.name} world, seeds 1 to ${seeds}\n${regretTable(curves)}\n`);
    for (const { trace, goal, measured, held } of judge(curves.map(({ result }) => result))) {
      process.stdout.write(`${held ? 'held' : 'MISS'} ${trace}: ${goal}; measured ${measured}\n`);
    }
    if (reasons) {
      for (const { result, losses } of curves) {
        process.stdout.write(`\n${result.trace} ${result.policy}, all seeds\n${losses.table()}\n`);
      }
    }
    all.push(...curves);
  }
  const results = all.map(({ result }) => result);
  if (json !== undefined) writeTo(json, `${JSON.stringify(results, null, 2)}\n`);
  return 0;
}

function writeTo(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${LAB_USAGE}\n`);
  process.exitCode = 2;
}
