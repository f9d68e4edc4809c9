import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { createExecutor, type BackendName, type BackendStatus, type Decision, type Executor } from 'gearshift';
import { readHostFacts, type HostFacts } from '../host-facts.js';
import { formatDoctorReport } from '../output/format-doctor.js';
import { jsonLine } from '../output/one-line.js';
import { packageVersion } from '../package-version.js';
import type { Terminal } from '../terminal.js';
import { parseBackends } from './backend-names.js';
import { sampleVectors } from './sample-matrix.js';

/** The output of `gearshift doctor --json`. */
export interface DoctorReport {
  readonly version: string;
  readonly host: HostFacts;
  readonly backends: readonly BackendStatus[];
  /** The decisions for requests of typical sizes, which were run. */
  readonly choices: readonly Choice[];
  /** Limitations of the backends in use, and how to fix them, with a command if there is one. */
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

/** Adds `gearshift doctor`: reports the machine, the backends, what runs where and why, and how to fix problems. */
export function addDoctorCommand(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .description('report the machine, its backends, what runs where and why, and how to fix problems')
    .allowExcessArguments(false)
    .option('--backends <names>', 'look for only these backends, such as cpu', parseBackends)
    .option('--json', 'print one JSON object on standard output and nothing else')
    .addHelpText('after', '\nExit codes: 0 success, 1 no backend can be used, 2 bad input.')
    .action(async ({ backends, json }: DoctorOptions) => {
      const report = await examine(backends);
      terminal.writeOut(json === true ? jsonLine(report) : formatDoctorReport(report));
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
  const mayUse = (name: BackendName) => backends === undefined || backends.includes(name);
  return {
    version: packageVersion(),
    host: readHostFacts(),
    backends: statuses,
    choices,
    advice: adviceFor(statuses, mayUse),
  };
}

async function choose(executor: Executor, { rows, queries }: (typeof TYPICAL)[number]): Promise<Choice> {
  await using matrix = await executor.matrix(sampleVectors(rows * DIMENSIONS), { dimensions: DIMENSIONS, adopt: true });
  const query = sampleVectors(queries * DIMENSIONS);
  const run = await executor.run({ operation: 'top-k', query, queries, matrix, k: 10 });
  if (!run.ok) throw new Error(run.error.message, { cause: run.error });
  const { decision, latencyMs } = run.value;
  if (decision === null) throw new Error('expected a decision in the result, got null');
  return { rows, dimensions: DIMENSIONS, queries, decision, latencyMs };
}

function adviceFor(statuses: readonly BackendStatus[], mayUse: (name: BackendName) => boolean): string[] {
  const advice: string[] = [];
  for (const { name, status, description } of statuses) {
    if (status === 'ready')
      advice.push(...(description?.limitations ?? []).map((limitation) => `${name}: ${limitation}`));
  }
  const isInstalled = (wanted: BackendName) =>
    statuses.some(({ name, status }) => name === wanted && status !== 'not-installed');
  // Files of the drivers. Checking that they exist does not start a driver.
  const hasNvidia = existsSync('/proc/driver/nvidia/version');
  if (mayUse('cuda') && !isInstalled('cuda') && hasNvidia) {
    advice.push(
      'This machine has an NVIDIA driver, but no backend for it. To fix it: npm install @gearshift/backend-cuda',
    );
  } else if (mayUse('webgpu') && !isInstalled('webgpu') && !hasNvidia && existsSync('/dev/dri/renderD128')) {
    advice.push('This machine has a GPU, but no backend for it. To try one: npm install @gearshift/backend-webgpu');
  }
  return advice;
}
