import type { Command } from 'commander';
import { createExecutor, pinnedPolicy, type BackendName, type DeviceKind } from 'gearshift';
import { createEventLoopTurns } from '../event-loop-turns.js';
import { jsonLine } from '../output/one-line.js';
import { createProgress } from '../output/progress.js';
import type { Terminal } from '../terminal.js';
import { parseBackends } from './backend-names.js';
import { sampleVectors } from './sample-matrix.js';

const MS_PER_SIZE = 600;
const DIMENSIONS = 384;
/** Codes that are made while it measures would change the times: so they are made before, or never. */
const SIZES = [
  { rows: 1000, queries: 1, companion: 'none' },
  { rows: 10_000, queries: 1, companion: 'none' },
  { rows: 50_000, queries: 1, companion: 'none' },
  { rows: 10_000, queries: 64, companion: 'none' },
  { rows: 50_000, queries: 1, companion: 'codes' },
  { rows: 10_000, queries: 64, companion: 'codes' },
] as const;

/** One size on one device. */
export interface Timing {
  readonly device: string;
  readonly rows: number;
  readonly queries: number;
  /** What the rankings used: see `companion` of a matrix. */
  readonly companion: 'none' | 'codes';
  readonly runs: number;
  readonly medianMs: number;
  readonly fastestMs: number;
}

interface BenchOptions {
  readonly backends?: readonly BackendName[] | undefined;
  readonly json?: boolean | undefined;
}

/** Adds `gearshift bench`: how fast each device of this machine is. */
export function addBenchCommand(program: Command, terminal: Terminal): void {
  program
    .command('bench')
    .description('time top-k of 384 dimensions on every device of this machine')
    .allowExcessArguments(false)
    .option('--backends <names>', 'use only these backends, such as cuda,cpu', parseBackends)
    .option('--json', 'print one JSON object on standard output and nothing else')
    .addHelpText('after', '\nExit codes: 0 success, 1 internal failure, 2 bad input.')
    .action(async ({ backends, json }: BenchOptions) => {
      const progress = createProgress('Measuring', json === true ? undefined : terminal.progressStream);
      const timings = await timeAll(backends, progress.update).finally(progress.stop);
      terminal.writeOut(json === true ? jsonLine({ dimensions: DIMENSIONS, timings }) : formatTimings(timings));
    });
}

async function timeAll(
  backends: readonly BackendName[] | undefined,
  report: (done: number, total: number) => void,
): Promise<readonly Timing[]> {
  await using found = await createExecutor({ backends });
  const devices = found.backends();
  // Only CPUs have codes.
  const sizesOf = (kind: DeviceKind) => SIZES.filter(({ companion }) => kind === 'cpu' || companion === 'none');
  const total = devices.reduce((count, { kind }) => count + sizesOf(kind).length, 0);
  const timings: Timing[] = [];
  const turn = createEventLoopTurns();
  for (const { id: device, kind } of devices) {
    await using executor = await createExecutor({ backends, policy: pinnedPolicy(device), fallback: 'never' });
    for (const { rows, queries, companion } of sizesOf(kind)) {
      const values = sampleVectors(rows * DIMENSIONS);
      const options = { dimensions: DIMENSIONS, adopt: true, pin: true, companion } as const;
      await using matrix = await executor.matrix(values, options);
      const query = sampleVectors(queries * DIMENSIONS);
      const times: number[] = [];
      const endsAtMs = performance.now() + MS_PER_SIZE;
      // Not timed: the first runs include uploads and compilation.
      for (let run = 0; run < 5 || performance.now() < endsAtMs; run++) {
        const startedAtMs = performance.now();
        await executor.topK(query, matrix, { k: 10, queries });
        if (run >= 2) times.push(performance.now() - startedAtMs);
        await turn();
      }
      times.sort((a, b) => a - b);
      const medianMs = times[Math.floor(times.length / 2)];
      timings.push({ device, rows, queries, companion, runs: times.length, medianMs, fastestMs: times[0] });
      report(timings.length, total);
    }
  }
  return timings;
}

function formatTimings(timings: readonly Timing[]): string {
  const rows = timings.map(({ device, rows, queries, companion, runs, medianMs, fastestMs }) =>
    [device, String(rows), String(queries), companion, medianMs.toFixed(3), fastestMs.toFixed(3), String(runs)].map(
      (cell) => cell.padStart(11),
    ),
  );
  const heading = ['device', 'rows', 'queries', 'companion', 'median ms', 'fastest ms', 'runs'].map((cell) =>
    cell.padStart(11),
  );
  return `${[heading, ...rows].map((row) => row.join(' ')).join('\n')}\n`;
}
