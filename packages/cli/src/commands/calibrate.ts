import type { Command } from 'commander';
import { createExecutor, type BackendName, type Executor } from 'gearshift';
import { createEventLoopTurns } from '../event-loop-turns.js';
import { requireWritableFile, writeFileAside } from '../files/write-file-aside.js';
import { jsonLine } from '../output/one-line.js';
import { createProgress } from '../output/progress.js';
import type { Terminal } from '../terminal.js';
import { UserError } from '../user-error.js';
import { parseBackends } from './backend-names.js';
import { sampleVectors } from './sample-matrix.js';

const DEFAULT_FILE = 'gearshift-calibration.json';
/** Time for each size. All of them together take less than 20 seconds. */
const MS_PER_SIZE = 600;
const DIMENSIONS = 384;
/** Codes that are made while it measures would change the times: so they are made before, or never. */
const MATRICES = [
  { rows: 100, companion: 'none' },
  { rows: 1000, companion: 'none' },
  { rows: 5000, companion: 'none' },
  { rows: 20_000, companion: 'none' },
  { rows: 10_000, companion: 'codes' },
  { rows: 40_000, companion: 'codes' },
] as const;
const QUERIES = [1, 8, 64] as const;

interface CalibrateOptions {
  readonly output: string;
  readonly backends?: readonly BackendName[] | undefined;
  readonly json?: boolean | undefined;
}

/** Adds `gearshift calibrate`: measures the devices of this machine and saves the learned speeds for other processes. */
export function addCalibrateCommand(program: Command, terminal: Terminal): void {
  program
    .command('calibrate')
    .description('measure the devices of this machine and save their speeds to a file, in under 20 seconds')
    .allowExcessArguments(false)
    .option('-o, --output <file>', 'file to write', DEFAULT_FILE)
    .option('--backends <names>', 'use only these backends, such as cuda,cpu', parseBackends)
    .option('--json', 'print one JSON object on standard output and nothing else')
    .addHelpText(
      'after',
      `
Load it with createExecutor({ calibration: JSON.parse(await readFile('${DEFAULT_FILE}', 'utf8')) }).
Exit codes: 0 success, 1 internal failure, 2 bad input.`,
    )
    .action(async ({ output, backends, json }: CalibrateOptions) => {
      requireWritable(output);
      const progress = createProgress('Measuring', json === true ? undefined : terminal.progressStream);
      await using executor = await createExecutor({ backends });
      const runs = await measureAll(executor, progress.update).finally(progress.stop);
      writeFileAside(output, `${JSON.stringify(executor.exportCalibration(), null, 2)}\n`);
      const devices = executor.backends().map(({ id }) => id);
      if (json === true) terminal.writeOut(jsonLine({ file: output, devices, runs }));
      else
        terminal.writeOut(`wrote ${output}: ${devices.join(', ')}, ${runs.toLocaleString('en-US')} timed requests\n`);
    });
}

/** Fails before the measurement if the file cannot be written. */
function requireWritable(path: string): void {
  try {
    requireWritableFile(path);
  } catch (error) {
    throw new UserError(`--output: ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Repeats requests of every size for a while, on the devices that the executor chooses; returns their number. */
async function measureAll(executor: Executor, report: (done: number, total: number) => void): Promise<number> {
  const sizes = MATRICES.flatMap((matrix) => QUERIES.map((queries) => ({ ...matrix, queries })));
  const turn = createEventLoopTurns();
  let runs = 0;
  for (const [index, { rows, companion, queries }] of sizes.entries()) {
    await using matrix = await executor.matrix(sampleVectors(rows * DIMENSIONS), {
      dimensions: DIMENSIONS,
      adopt: true,
      companion,
    });
    const query = sampleVectors(queries * DIMENSIONS);
    const endsAtMs = performance.now() + MS_PER_SIZE;
    do {
      await executor.topK(query, matrix, { k: 10, queries });
      runs += 1;
      await turn();
    } while (performance.now() < endsAtMs);
    report(index + 1, sizes.length);
  }
  return runs;
}
