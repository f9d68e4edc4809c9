import { stat } from 'node:fs/promises';
import { FormatError, type FileEntry } from '@gearshift/formats';
import { InvalidArgumentError, type Command } from 'commander';
import { createEventLoopTurns } from '../event-loop-turns.js';
import { formatInspectReport } from '../output/format-inspect.js';
import { jsonLine } from '../output/one-line.js';
import { createProgress } from '../output/progress.js';
import type { Terminal } from '../terminal.js';
import { UserError } from '../user-error.js';
import type { Choice, FileFormat, OpenVectors } from '../vectors/file-format.js';
import { BY_CONTENTS, FILE_FORMATS } from '../vectors/file-formats.js';

/** The output of `gearshift inspect --json`. What is not known is null. */
export interface InspectReport {
  readonly file: string;
  readonly format: string | null;
  readonly sizeBytes: number | null;
  /** The vectors: rows, dimensions and element type. The rows of a damaged file are those before the damage. */
  readonly rows: number | null;
  readonly dimensions: number | null;
  readonly dtype: string | null;
  /** Of int8 elements. */
  readonly scale: number | null;
  /** Rows with a NaN or an infinite element. */
  readonly rowsNotFinite: number | null;
  /** The tensor or column of the vectors, and others like it. */
  readonly entries: readonly FileEntry[];
  readonly details: Readonly<Record<string, string | number | boolean>>;
  /** The first problem; null if there is none. */
  readonly problem: { readonly kind: string; readonly message: string; readonly offset: number | null } | null;
}

interface InspectOptions extends Choice {
  readonly from?: FileFormat | undefined;
  readonly json?: boolean | undefined;
}

/** Adds `gearshift inspect`: says what a file of vectors contains, and what is wrong with it. */
export function addInspectCommand(program: Command, terminal: Terminal): void {
  program
    .command('inspect')
    .description('read a whole file of vectors and report its format, shape, element type, sizes and first problem')
    .argument('<file>', 'file to read')
    .allowExcessArguments(false)
    .option('--from <format>', 'format of the file; default: by its name or first bytes', parseFormat)
    .option('--tensor <name>', 'tensor of a safetensors file; default: the only one with two dimensions')
    .option('--column <name>', 'column of an Arrow or Parquet file; default: the only list of numbers')
    .option('--json', 'print one JSON object on standard output and nothing else')
    .addHelpText(
      'after',
      '\nExit codes: 0 no problem found, 1 internal failure, 2 bad input, or a problem in the file.',
    )
    .action(async (path: string, { from, tensor, column, json }: InspectOptions) => {
      const reader = from ?? FILE_FORMATS.find(({ matches }) => matches(path)) ?? BY_CONTENTS;
      const stream = json === true ? undefined : terminal.progressStream;
      const report = await examine(path, reader, { tensor, column }, stream);
      terminal.writeOut(json === true ? jsonLine(report) : formatInspectReport(report));
      if (report.problem !== null) throw new UserError(report.problem.message);
    });
}

async function examine(
  path: string,
  reader: Pick<FileFormat, 'open' | 'list'>,
  choice: Choice,
  stream: NodeJS.WritableStream | undefined,
): Promise<InspectReport> {
  const facts: { -readonly [K in keyof InspectReport]: InspectReport[K] } = {
    ...{ file: path, format: null, sizeBytes: null, rows: null, dimensions: null, dtype: null, scale: null },
    ...{ rowsNotFinite: null, entries: [], details: {}, problem: null },
  };
  try {
    facts.entries = await reader.list(path);
    await using file = await reader.open(path, choice);
    const { format, dimensions, dtype, sizeBytes, details } = file;
    Object.assign(facts, {
      format,
      dimensions,
      dtype,
      sizeBytes,
      details,
      scale: dtype === 'int8' ? file.scale : null,
    });
    await readAll(file, stream, facts);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { kind, message, offset, format } = error;
    // A path that leads to no readable file has no report.
    if (kind === 'inaccessible' || kind === 'not-a-file') throw new UserError(message);
    facts.format ??= format ?? null;
    facts.sizeBytes ??= (await stat(path)).size;
    // Several tensors or columns are no problem of the file: the report lists them.
    if (kind !== 'ambiguous') facts.problem = { kind, message, offset: offset ?? null };
  }
  return facts;
}

async function readAll(
  file: OpenVectors,
  stream: NodeJS.WritableStream | undefined,
  facts: { rows: number | null; rowsNotFinite: number | null },
): Promise<void> {
  const progress = createProgress('Reading', stream);
  const turn = createEventLoopTurns();
  let [rows, rowsNotFinite] = [0, 0];
  try {
    for await (const batch of file.batches()) {
      rowsNotFinite += countNotFinite(batch.toFloat32(), batch.dimensions);
      rows += batch.rows;
      progress.update(rows, file.rows);
      await turn();
    }
  } finally {
    progress.stop();
    Object.assign(facts, { rows, rowsNotFinite });
  }
}

function countNotFinite(values: Float32Array, dimensions: number): number {
  let count = 0;
  for (let start = 0; start < values.length; start += dimensions) {
    let isFinite = true;
    for (let i = start; i < start + dimensions; i++) if (!Number.isFinite(values[i])) isFinite = false;
    if (!isFinite) count += 1;
  }
  return count;
}

function parseFormat(name: string): FileFormat {
  const format = FILE_FORMATS.find((candidate) => candidate.name === name);
  if (format !== undefined) return format;
  throw new InvalidArgumentError(`expected one of ${FILE_FORMATS.map((candidate) => candidate.name).join(', ')}`);
}
