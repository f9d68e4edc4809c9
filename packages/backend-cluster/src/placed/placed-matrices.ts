import { randomInt } from 'node:crypto';
import {
  DTYPES,
  ok,
  type BackendError,
  type MatrixPlacer,
  type PlacedFiles,
  type PlacedMatrix,
  type Result,
  type RowSpan,
} from '@gearshift/contracts';
import {
  expected,
  nextOperandId,
  optionNames,
  readOptions,
  requireInteger,
  requireOneOf,
  requireScale,
} from '@gearshift/contracts/internal';
import type { Failure, OpenState } from '@gearshift/native-kit';
import { LONGEST_PATH, MOST_FILES } from '../messages/load-order.js';
import { MOST_ROWS, shardBytes } from '../messages/shard-spec.js';
import { Placement } from '../placement/placement.js';
import type { QueryContext } from '../queries/query-context.js';
import type { Placer } from '../residency/placer.js';
import { requireToken } from '../subjects.js';
import { WIRE_LIMITS } from '../wire/wire-limits.js';

const FIELDS = optionNames<PlacedFiles>({
  files: true,
  rows: true,
  dimensions: true,
  dtype: true,
  scale: true,
  label: true,
});

/** Keys of operands from the memory of a process have no dash. */
const PREFIX = 'n-';
const LONGEST_NAME = 62;
/** Of the same millisecond. */
const GENERATIONS_PER_MS = 1024;
/** Another coordinator may have found the generation before just now, and not be done with it. */
const OLD_GENERATION_MS = 5000;
/** Loading takes no longer. */
const LONGEST_LOAD_MS = 600_000;

/** A generation, and the matrix that stands for it in this process. */
interface Known {
  readonly placement: Placement;
  readonly handle: PlacedMatrix;
}

/** Matrices that are on the cluster alone, by name. All coordinators see the same ones. */
export class PlacedMatrices implements MatrixPlacer {
  readonly #cluster: string;
  readonly #context: QueryContext;
  readonly #placer: Placer;
  readonly #state: OpenState;
  /** By key, then by generation. */
  readonly #known = new Map<string, Map<number, Known>>();

  constructor(context: QueryContext, placer: Placer, state: OpenState) {
    this.#cluster = context.subjects.cluster;
    this.#context = context;
    this.#placer = placer;
    this.#state = state;
  }

  /**
   * Lets workers load files: a new generation of the name. Until all of its shards are held, `find()` gives the one before; then that
   * is dropped as soon as the requests of this process that use it have ended, and those of other processes have had five seconds.
   *
   * @throws TypeError or RangeError that names the field, the expected and the given value
   */
  async place(name: string, source: PlacedFiles, signal?: AbortSignal): Promise<Result<PlacedMatrix, BackendError>> {
    const key = keyOf(name);
    const { files, ...shape } = checkedSource(source);
    const refusal = this.#refuse(signal);
    if (refusal !== undefined) return refusal;
    const before = this.#context.directory.completeGenerations(key);
    const now = Date.now() * GENERATIONS_PER_MS + randomInt(GENERATIONS_PER_MS);
    const generation = Math.max(now, (before.at(0)?.generation ?? 0) + 1);
    const placing = this.#placer.placeFiles(shape, files, key, generation, signal);
    const placed = await this.#state.track(placing);
    if ('error' in placed) return placed;
    for (const lost of this.#lostGenerations(key)) this.#placer.drop(key, lost);
    for (const { generation: old } of before) {
      const known = this.#known.get(key)?.get(old);
      const drop = () => this.#placer.dropLater(key, old, OLD_GENERATION_MS);
      if (known === undefined) drop();
      else known.placement.retire(drop);
    }
    return ok(this.#remember(placed).handle);
  }

  find(name: string): PlacedMatrix | undefined {
    const key = keyOf(name);
    const newest = this.#context.directory.completeGenerations(key).at(0);
    if (newest?.shards[0].kind !== 'matrix') return undefined;
    return this.#knownOf(key, newest.generation)?.handle;
  }

  /** Makes all workers forget every generation of a name. */
  drop(name: string): void {
    const key = keyOf(name);
    this.#known.delete(key);
    this.#placer.drop(key);
  }

  has({ placement }: PlacedMatrix): boolean {
    return this.#keyIn(placement) !== undefined;
  }

  reachable(matrix: PlacedMatrix): readonly RowSpan[] {
    const { directory } = this.#context;
    const spans: { start: number; end: number }[] = [];
    for (const shard of this.#placementOf(matrix)?.shards ?? []) {
      if (directory.holders(shard).length === 0) continue;
      const last = spans.at(-1);
      if (last?.end === shard.start) last.end = shard.end;
      else spans.push({ start: shard.start, end: shard.end });
    }
    return spans;
  }

  /** Bytes that the workers hold of a generation, each shard counted once. */
  residentBytes(matrix: PlacedMatrix): number {
    return this.#placementOf(matrix)?.shards.reduce((sum, shard) => sum + shardBytes(shard), 0) ?? 0;
  }

  /** The placement of exactly this generation. Another one is never used in its place: the failure is `'stale'` when it was dropped. */
  resolve(matrix: PlacedMatrix): Placement | Failure {
    const { directory, failures } = this.#context;
    const placement = this.#placementOf(matrix);
    const { version } = matrix;
    if (placement !== undefined && !hasShapeOf(matrix, placement)) {
      return failures.of('invalid-input', 'matrix: expected the rows and dimensions that it was placed with');
    }
    if (placement !== undefined && directory.areHeld(placement.shards)) return placement;
    const newest = directory.completeGenerations(this.#keyIn(matrix.placement) ?? '').at(0)?.generation;
    const isReplaced = newest !== undefined && newest !== version;
    if (placement !== undefined && !isReplaced) return placement;
    return failures.of('stale', `generation ${version} of ${matrix.placement} was dropped; get the newest with find()`);
  }

  /** What a worker kept that was cut off when it was told to drop it, or that came after all when the others had failed. */
  #lostGenerations(key: string): number[] {
    const { directory } = this.#context;
    const complete = new Set(directory.completeGenerations(key).map(({ generation }) => generation));
    // A newer one may be on its way.
    const newest = (Date.now() - LONGEST_LOAD_MS) * GENERATIONS_PER_MS;
    return directory.generations(key).filter((generation) => generation < newest && !complete.has(generation));
  }

  #placementOf({ placement, version }: PlacedMatrix): Placement | undefined {
    const key = this.#keyIn(placement);
    return key === undefined ? undefined : this.#knownOf(key, version)?.placement;
  }

  /** What this process knows of a generation, or what the workers say. */
  #knownOf(key: string, generation: number): Known | undefined {
    const known = this.#known.get(key)?.get(generation);
    if (known !== undefined) return known;
    const { directory } = this.#context;
    const complete = directory.completeGenerations(key);
    const shards = complete.find((one) => one.generation === generation)?.shards;
    if (shards === undefined) return undefined;
    const profile = directory.holders(shards[0]).at(0)?.profile ?? '';
    return this.#remember(new Placement({ key, generation, version: generation, profile, shards }));
  }

  #remember(placement: Placement): Known {
    const { key, generation, shards } = placement;
    const [{ rows, dimensions, label }] = shards;
    const place = `${this.#cluster}/${key}`;
    const fields = { id: nextOperandId(), version: generation, rows, dimensions, placement: place };
    const handle = Object.freeze(label === undefined ? fields : { ...fields, label });
    const generations = this.#known.get(key) ?? new Map<number, Known>();
    // Those that were dropped are of no more use.
    const complete = new Set(this.#context.directory.completeGenerations(key).map((one) => one.generation));
    for (const old of generations.keys()) if (!complete.has(old)) generations.delete(old);
    const known = { placement, handle };
    this.#known.set(key, generations.set(generation, known));
    return known;
  }

  /** The key in a placement of this cluster. */
  #keyIn(placement: string): string | undefined {
    const prefix = `${this.#cluster}/`;
    return placement.startsWith(prefix + PREFIX) ? placement.slice(prefix.length) : undefined;
  }

  #refuse(signal: AbortSignal | undefined): Failure | undefined {
    const refusal = this.#state.refuse(signal);
    if (refusal !== undefined) return refusal;
    const { transport, failures } = this.#context;
    return transport.connected ? undefined : failures.of('unreachable', 'there is no connection to the cluster');
  }
}

function keyOf(name: string): string {
  if (requireToken('name', name).length <= LONGEST_NAME) return PREFIX + name;
  throw new RangeError(expected('name', `up to ${LONGEST_NAME} letters`, name));
}

/** A matrix may have been written by hand. */
function hasShapeOf({ rows, dimensions }: PlacedMatrix, { shards: [first] }: Placement): boolean {
  return rows === first.rows && dimensions === first.dimensions;
}

function checkedSource(source: PlacedFiles): PlacedFiles & { readonly files: readonly string[] } {
  const given = readOptions('source', source, FIELDS);
  const files = checkedPaths(given.files);
  const rows = requireInteger('source.rows', given.rows, 1, MOST_ROWS);
  const dimensions = requireInteger('source.dimensions', given.dimensions, 1, WIRE_LIMITS.dimensions);
  const dtype = requireOneOf('source.dtype', DTYPES, given.dtype) ?? 'float32';
  const label = given.label === undefined ? undefined : requireToken('source.label', given.label);
  return { files, rows, dimensions, dtype, scale: requireScale('source.scale', given.scale, dtype), label };
}

function checkedPaths(files: string | readonly string[]): readonly string[] {
  const paths = Array.isArray(files) ? [...(files as readonly string[])] : [files as string];
  if (paths.length === 0 || paths.length > MOST_FILES) {
    throw new RangeError(expected('source.files', `1 to ${MOST_FILES} paths`, files));
  }
  for (const [i, path] of paths.entries()) {
    if (typeof path === 'string' && path !== '' && path.length <= LONGEST_PATH) continue;
    const name = Array.isArray(files) ? `source.files[${i}]` : 'source.files';
    throw new TypeError(expected(name, `the path of a file, of up to ${LONGEST_PATH} letters`, path));
  }
  return paths;
}
