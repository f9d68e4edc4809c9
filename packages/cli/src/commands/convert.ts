import { existsSync } from 'node:fs';
import { ELEMENT_TYPES, FormatError, type ElementType } from '@gearshift/formats';
import { InvalidArgumentError, type Command } from 'commander';
import { createEventLoopTurns } from '../event-loop-turns.js';
import { removeOnExit } from '../files/remove-on-exit.js';
import { asidePathOf, requireWritableFile } from '../files/write-file-aside.js';
import { jsonLine, oneLine } from '../output/one-line.js';
import { createProgress } from '../output/progress.js';
import type { Terminal } from '../terminal.js';
import { UserError } from '../user-error.js';
import type { FileFormat, OpenVectors, WriteFileOptions, WrittenFile } from '../vectors/file-format.js';
import { BY_CONTENTS, FILE_FORMATS } from '../vectors/file-formats.js';
import { findScale } from '../vectors/find-scale.js';

interface ConvertOptions {
  readonly from?: FileFormat | undefined;
  readonly to?: FileFormat | undefined;
  readonly dtype?: ElementType | undefined;
  readonly scale?: number | undefined;
  readonly tensor?: string | undefined;
  readonly column?: string | undefined;
  readonly codes?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** The output of `gearshift convert --json`. */
export interface ConvertReport extends WrittenFile {
  readonly input: string;
  readonly output: string;
}

/** Adds `gearshift convert`: copies vectors from a file of one format to a file of another. */
export function addConvertCommand(program: Command, terminal: Terminal): void {
  const writable = FILE_FORMATS.filter(({ write }) => write !== undefined);
  program
    .command('convert')
    .description('copy vectors from a file to a file of another format or element type')
    .argument('<in>', 'file to read')
    .argument('<out>', 'file to write')
    .allowExcessArguments(false)
    .option(
      '--from <format>',
      `format of the input: ${namesOf(FILE_FORMATS)}; default: by its name or first bytes`,
      (name) => parseFormat(name, FILE_FORMATS),
    )
    .option('--to <format>', `format of the output: ${namesOf(writable)}; default: by its name`, (name) =>
      parseFormat(name, writable),
    )
    .option('--dtype <type>', 'element type of the output; default: that of the input, or float32', parseType)
    .option('--scale <number>', 'scale of int8; default: the one that makes the largest value 127', parseScale)
    .option('--tensor <name>', 'tensor of a safetensors file; default: the only one with two dimensions')
    .option('--column <name>', 'column of an Arrow or Parquet file; default: the only list of numbers')
    .option('--codes', 'of a .gearshift file: with codes, so that its first search makes none')
    .option('--force', 'replace the output if it exists')
    .option('--json', 'print one JSON object on standard output and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  gearshift convert embeddings.parquet embeddings.npy --column vector
  gearshift convert model.safetensors vectors.npy --tensor embed.weight --dtype float16
  gearshift convert embeddings.npy embeddings.gearshift --dtype int8

Memory stays bounded, whatever the size of the files. The output is complete or does not exist.
Exit codes: 0 success, 1 internal failure, 2 bad input.`,
    )
    .action(async (input: string, output: string, options: ConvertOptions) => {
      const report = await convert(input, output, options, terminal);
      if (options.json === true) {
        terminal.writeOut(jsonLine(report));
        return;
      }
      const { rows, dimensions, dtype, scale, sizeBytes, codeBytes } = report;
      const scaled = dtype === 'int8' ? `, scale ${scale}` : '';
      const size = `${rows.toLocaleString('en-US')} x ${dimensions} ${dtype}${scaled}`;
      const codes = codeBytes === undefined ? '' : `, ${describeCodes(codeBytes)}`;
      terminal.writeOut(`wrote ${oneLine(output)}: ${size}, ${sizeBytes.toLocaleString('en-US')} bytes${codes}\n`);
    });
}

function describeCodes(bytes: number): string {
  return bytes > 0
    ? `${bytes.toLocaleString('en-US')} of them codes`
    : 'without codes, because they would save no time or cannot be made here';
}

/** @throws UserError if a file cannot be read or written */
export async function convert(
  input: string,
  output: string,
  { from, to, dtype, scale, tensor, column, codes, force = false, json }: ConvertOptions,
  terminal: Terminal,
): Promise<ConvertReport> {
  const stream = json === true ? undefined : terminal.progressStream;
  const target = to ?? FILE_FORMATS.find(({ matches }) => matches(output));
  if (target?.write === undefined) {
    const known = namesOf(FILE_FORMATS.filter(({ write }) => write !== undefined));
    throw new UserError(`${output}: the format cannot be written; name one with --to: ${known}`);
  }
  if (codes === true && target.hasCodes !== true) {
    throw new UserError(`--codes: only a .gearshift file has codes, and ${output} becomes a file of ${target.name}`);
  }
  try {
    const reader = from ?? FILE_FORMATS.find(({ matches }) => matches(input)) ?? BY_CONTENTS;
    await using source = await reader.open(input, { tensor, column });
    requireWritable(output, force);
    const wantsScale = dtype === 'int8' && source.dtype !== 'int8' && scale === undefined;
    const chosen = wantsScale ? await findScale(source, stream) : scale;
    const options = { dtype, scale: chosen, overwrite: force, ...(codes === true && { codes }) };
    const written = await writeTo(output, target.write, source, options, stream);
    if (written.overflowCount > 0) {
      const problem = `${written.overflowCount} values too large for ${written.dtype} became infinite`;
      terminal.writeError(`gearshift: ${oneLine(output)}: ${problem}\n`);
    }
    return { input, output, ...written };
  } catch (error) {
    // A RangeError is an element type that the format does not have, or a NaN for int8.
    if (error instanceof FormatError || error instanceof RangeError) throw new UserError(error.message);
    throw error;
  }
}

async function writeTo(
  output: string,
  write: NonNullable<FileFormat['write']>,
  source: OpenVectors,
  options: Pick<WriteFileOptions, 'dtype' | 'scale' | 'codes' | 'overwrite'>,
  stream: NodeJS.WritableStream | undefined,
): Promise<WrittenFile> {
  const temporaryPath = asidePathOf(output);
  const keep = removeOnExit(temporaryPath);
  const progress = createProgress('Converting', stream);
  const turn = createEventLoopTurns();
  const { rows } = source;
  try {
    return await write(
      output,
      {
        ...{ dimensions: source.dimensions, dtype: source.dtype, scale: source.scale, rows },
        async *batches(how) {
          for await (const batch of source.batches(how)) {
            yield batch;
            // Conversion is arithmetic; signals need a turn of the event loop.
            await turn();
          }
        },
      },
      { ...options, temporaryPath, onProgress: (done) => progress.update(done, rows) },
    );
  } finally {
    progress.stop();
    keep();
  }
}

/** Fails before the long work. */
function requireWritable(output: string, force: boolean): void {
  if (!force && existsSync(output))
    throw new UserError(`${output}: the file exists already; pass --force to replace it`);
  try {
    requireWritableFile(output);
  } catch (error) {
    throw new UserError(`${output}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function namesOf(formats: readonly FileFormat[]): string {
  return formats.map(({ name }) => name).join(', ');
}

function parseFormat(name: string, formats: readonly FileFormat[]): FileFormat {
  const format = formats.find((candidate) => candidate.name === name);
  if (format === undefined) throw new InvalidArgumentError(`expected one of ${namesOf(formats)}`);
  return format;
}

function parseType(name: string): ElementType {
  const type = ELEMENT_TYPES.find((candidate) => candidate === name);
  if (type === undefined) throw new InvalidArgumentError(`expected one of ${ELEMENT_TYPES.join(', ')}`);
  return type;
}

function parseScale(text: string): number {
  const scale = text.trim() === '' ? Number.NaN : Number(text);
  if (!(scale > 0 && scale < Infinity)) throw new InvalidArgumentError('expected a positive number');
  return scale;
}
