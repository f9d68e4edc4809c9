import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { createExecutor, type BackendName, type BackendStatus, type Decision, type Executor } from 'gearshift';
import { readHostFacts, type HostFacts } from '../host-facts.js';
import { formatDoctorReport } from '../output/format-doctor.js';
import { packageVersion } from '../package-version.js';
import type { Terminal } from '../terminal.js';
import { parseBackends } from './backend-names.js';
import { sampleVectors } from './sample-matrix.js';

/** What `gearshift doctor --json` prints. */
export interface DoctorReport {
  readonly version: string;
  readonly host: HostFacts;
  readonly backends: readonly BackendStatus[];
  /** What was chosen for requests of some typical sizes, by making them. */
  readonly choices: readonly Choice[];
  /** Why nothing better is in use, and what would help, with the command where there is one. */
  readonly advice: readonly string[];
}

export interface Choice {
  readonly rows: number;
  readonly dimensions: number;
  readonly queries: number;
  readonly decision: Decision;
  readonly latencyMs: number;
}

interface DoctorOptions {
  readonly backends?: readonly BackendName[] | undefined;
  readonly json?: boolean | undefined;
}

/** Adds `gearshift doctor`: what there is on this machine, what is used, why, and what would help. */
export function addDoctorCommand(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .description('say what this machine has, what would be used and why, and how to fix what is missing')
    .allowExcessArguments(false)
    .option('--backends <names>', 'look for these alone, such as cpu: nothing else is touched', parseBackends)
    .option('--json', 'print one JSON object on standard output and nothing else')
    .addHelpText('after', '\nExit codes: 0 success, 1 no backend can be used, 2 bad input.')
    .action(async ({ backends, json }: DoctorOptions) => {
      const report = await examine(backends);
      terminal.writeOut(json === true ? `${JSON.stringify(report)}\n` : formatDoctorReport(report));
    });
}

const DIMENSIONS = 384;
const TYPICAL = [
  { rows: 100, queries: 1 },
  { rows: 10_000, queries: 1 },
  { rows: 10_000, queries: 64 },
] as const;

async function examine(backends: readonly BackendName[] | undefined): Promise<DoctorReport> {
  await using executor = await createExecutor({ backends });
  const { backends: statuses } = executor.describe();
  const choices: Choice[] = [];
  for (const size of TYPICAL) choices.push(await choose(executor, size));
  const mayProbe = backends === undefined || backends.includes('cuda');
  return {
    version: packageVersion(),
    host: readHostFacts(),
    backends: statuses,
    choices,
    advice: adviceFor(statuses, mayProbe),
  };
}

async function choose(executor: Executor, { rows, queries }: (typeof TYPICAL)[number]): Promise<Choice> {
  await using matrix = await executor.matrix(sampleVectors(rows * DIMENSIONS), { dimensions: DIMENSIONS, adopt: true });
  const run = await executor.run({ operation: 'top-k', query: sampleVectors(queries * DIMENSIONS), matrix, k: 10 });
  if (!run.ok) throw new Error(run.error.message, { cause: run.error });
  const { decision, latencyMs } = run.value;
  if (decision === null) throw new Error('the executor answered without saying what it chose');
  return { rows, dimensions: DIMENSIONS, queries, decision, latencyMs };
}

function adviceFor(statuses: readonly BackendStatus[], mayProbe: boolean): string[] {
  const advice: string[] = [];
  for (const { name, status, description } of statuses) {
    if (status === 'ready')
      advice.push(...(description?.limitations ?? []).map((limitation) => `${name}: ${limitation}`));
  }
  const hasCuda = statuses.some(({ name, status }) => name === 'cuda' && status !== 'not-installed');
  // The driver's own file: looking for it starts nothing.
  if (mayProbe && !hasCuda && existsSync('/proc/driver/nvidia/version')) {
    advice.push('There is an NVIDIA driver, and no backend for it. To fix it: npm install @gearshift/backend-cuda');
  }
  return advice;
}
