import { isAbsolute, join, normalize, sep } from 'node:path';
import { ELEMENT_TYPES, FormatError, type ElementType } from '@gearshift/formats';
import { InvalidArgumentError, type Command } from 'commander';
import { loadClusterPackage, type FilesOnWorkers } from '../cluster/cluster-package.js';
import {
  addConnectionOptions,
  connectTo,
  parseCount,
  parseName,
  readConnection,
  type ConnectionOptions,
} from '../cluster/connection-options.js';
import { placeFiles, type PlacedReport } from '../cluster/place-files.js';
import { jsonLine, oneLine } from '../output/one-line.js';
import { createProgress } from '../output/progress.js';
import type { Terminal } from '../terminal.js';
import { UserError } from '../user-error.js';
import type { WrittenFile } from '../vectors/file-format.js';
import { GEARSHIFT_FORMAT } from '../vectors/gearshift-format.js';
import { convert } from './convert.js';

interface CommonOptions extends ConnectionOptions {
  readonly replicas: number;
  readonly shards?: number | undefined;
  readonly workers: number;
  readonly json?: boolean | undefined;
}

interface PlaceOptions extends CommonOptions {
  readonly dataRoot?: string | undefined;
  readonly rows?: number | undefined;
  readonly dimensions?: number | undefined;
  readonly dtype?: ElementType | undefined;
  readonly scale?: number | undefined;
}

interface LoadOptions extends CommonOptions {
  readonly dataRoot: string;
  readonly dtype?: ElementType | undefined;
}

const DEFAULT_REPLICAS = 2;

/** Adds `gearshift cluster place`: lets the workers load files that are below their data roots. */
export function addPlaceCommand(cluster: Command, terminal: Terminal): void {
  addCommonOptions(cluster.command('place'))
    .description('let the workers load .gearshift files that are below the data root of each of them')
    .argument('<matrix>', 'name of the matrix: letters, digits, - and _', parseName)
    .argument('<path...>', 'paths below the data root; the rows of several files follow one another')
    .option('--data-root <folder>', 'the data root as this machine sees it, to read the shape of the files')
    .option('--rows <count>', 'rows of all files together, without --data-root', parseCount)
    .option('--dimensions <count>', 'dimensions of each file, without --data-root', parseCount)
    .option('--dtype <type>', 'element type of each file, without --data-root; default: float32', parseType)
    .option('--scale <number>', 'scale of int8, without --data-root', Number)
    .action(async (matrix: string, paths: string[], options: PlaceOptions) => {
      const source = await describeFiles(paths, options);
      await place(matrix, () => source, options, terminal);
    });
}

/** Adds `gearshift cluster load`: brings vectors of any format into the data root, and places them. */
export function addLoadCommand(cluster: Command, terminal: Terminal): void {
  addCommonOptions(cluster.command('load'))
    .description('copy a file of vectors into the folder that the workers share, and let them load it')
    .argument('<matrix>', 'name of the matrix: letters, digits, - and _', parseName)
    .argument('<file>', 'file of vectors, in any format that gearshift convert reads')
    .requiredOption('--data-root <folder>', 'the data root of the workers, as this machine sees it')
    .option('--dtype <type>', 'element type on the workers; default: that of the file', parseType)
    .action(async (matrix: string, input: string, options: LoadOptions) => {
      // A generation is never changed: workers map its file.
      const path = `${matrix}-${Date.now()}.gearshift`;
      const bring = async (): Promise<FilesOnWorkers> => {
        const { dtype, json } = options;
        const target = join(options.dataRoot, path);
        return sourceOf([path], await convert(input, target, { to: GEARSHIFT_FORMAT, dtype, json }, terminal));
      };
      await place(matrix, bring, options, terminal);
    });
}

function addCommonOptions(command: Command): Command {
  return addConnectionOptions(command)
    .allowExcessArguments(false)
    .option('--replicas <count>', 'workers that hold each shard', parseCount, DEFAULT_REPLICAS)
    .option('--shards <count>', 'parts that the rows are cut into; default: one for each worker', parseCount)
    .option('--workers <count>', 'wait until so many workers are there, for 30 seconds at most', parseCount, 1)
    .option('--json', 'print one JSON object on standard output and nothing else')
    .addHelpText(
      'after',
      '\nRequests use the new rows when all of them are loaded, and the old ones until then.\n' +
        'Exit codes: 0 success, 1 no connection or a failure of the cluster, 2 bad input.',
    );
}

async function place(
  matrix: string,
  getSource: () => FilesOnWorkers | Promise<FilesOnWorkers>,
  options: CommonOptions,
  terminal: Terminal,
): Promise<void> {
  const { name, replicas, shards, workers, json } = options;
  const settings = readConnection(options);
  const cluster = await loadClusterPackage('cluster place', 'connectNats', 'createClusterBackend');
  const connection = await connectTo(cluster, settings);
  try {
    const source = await getSource();
    const progress = createProgress('Loading', json === true ? undefined : terminal.progressStream);
    const where = { cluster: name, matrix, source, replicas, shards, workers };
    const report = await placeFiles(cluster, connection, where, progress.update).finally(progress.stop);
    terminal.writeOut(json === true ? jsonLine({ ...report, files: source.files }) : describe(report, source));
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new UserError(error.message);
    throw error;
  } finally {
    await connection.close();
  }
}

function describe({ matrix, generation, rows, dimensions, workers }: PlacedReport, { files }: FilesOnWorkers): string {
  const size = `${rows.toLocaleString('en-US')} x ${dimensions}`;
  return `placed ${matrix}, generation ${generation}: ${size} of ${files.map(oneLine).join(', ')} on ${workers} workers\n`;
}

type Shape = Pick<WrittenFile, 'rows' | 'dimensions' | 'dtype' | 'scale'>;

async function describeFiles(paths: readonly string[], options: PlaceOptions): Promise<FilesOnWorkers> {
  const { dataRoot, rows, dimensions, dtype, scale } = options;
  for (const path of paths) {
    const [folder] = normalize(path).split(sep);
    if (!isAbsolute(path) && folder !== '..') continue;
    throw new UserError(`path: expected one below the data root of the workers, got ${path}`);
  }
  if (dataRoot === undefined) {
    if (rows !== undefined && dimensions !== undefined) return { files: paths, rows, dimensions, dtype, scale };
    throw new UserError('--rows and --dimensions: expected both, or --data-root to read them from the file');
  }
  const shapes: Shape[] = [];
  for (const path of paths) shapes.push(await readShape(path, dataRoot));
  const [first] = shapes;
  for (const [i, shape] of shapes.entries()) {
    if (formatOf(shape) === formatOf(first)) continue;
    throw new UserError(`${paths[i]}: expected ${formatOf(first)} as in ${paths[0]}, got ${formatOf(shape)}`);
  }
  return sourceOf(paths, { ...first, rows: shapes.reduce((sum, shape) => sum + shape.rows, 0) });
}

async function readShape(path: string, dataRoot: string): Promise<Shape> {
  try {
    await using file = await GEARSHIFT_FORMAT.open(join(dataRoot, path), {});
    const { rows, dimensions, dtype, scale } = file;
    if (rows === undefined) throw new UserError(`${path}: the number of rows is not known`);
    return { rows, dimensions, dtype, scale };
  } catch (error) {
    if (error instanceof FormatError) throw new UserError(error.message);
    throw error;
  }
}

function formatOf({ dimensions, dtype, scale }: Shape): string {
  return `${dimensions} dimensions of ${dtype}${dtype === 'int8' ? ` with the scale ${scale ?? 1}` : ''}`;
}

/** Only int8 has a scale. */
function sourceOf(files: readonly string[], { rows, dimensions, dtype, scale }: Shape): FilesOnWorkers {
  return { files, rows, dimensions, dtype, scale: dtype === 'int8' ? scale : undefined };
}

function parseType(name: string): ElementType {
  const type = ELEMENT_TYPES.find((candidate) => candidate === name);
  if (type === undefined) throw new InvalidArgumentError(`expected one of ${ELEMENT_TYPES.join(', ')}`);
  return type;
}
