import { randomInt } from 'node:crypto';
import {
  DTYPES,
  err,
  ok,
  type BackendError,
  type Dtype,
  type PartialAnswer,
  type PlacedMatrix,
  type Result,
  type TopKOutput,
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
import { MOST_ROWS } from '../messages/shard-spec.js';
import { Placement } from '../placement/placement.js';
import type { QueryContext } from '../queries/query-context.js';
import type { Placer } from '../residency/placer.js';
import { requireToken } from '../subjects.js';
import { WIRE_LIMITS } from '../wire/wire-limits.js';
import { preparePlaced, rankPlaced, type PlacedAnswer, type PlacedError, type PlacedRanking } from './rank-placed.js';

/** Rows that workers load by themselves. */
export interface PlacedFile {
  /** A file in the format of `matrix.save()`, below the data root of each worker, with all rows. */
  readonly path: string;
  readonly rows: number;
  readonly dimensions: number;
  /** Default: `'float32'`. */
  readonly dtype?: Dtype | undefined;
  /** Of int8. */
  readonly scale?: number | undefined;
}

const FIELDS = optionNames<PlacedFile>({ path: true, rows: true, dimensions: true, dtype: true, scale: true });

/** Keys of operands from the memory of a process have no dash. */
const PREFIX = 'n-';
const LONGEST_NAME = 62;
/** Of the same millisecond. */
const GENERATIONS_PER_MS = 1024;
/** Another coordinator may have found the generation before just now, and not be done with it. */
const OLD_GENERATION_MS = 5000;

/** Matrices that are on the cluster alone, by name. All coordinators see the same ones. */
export class PlacedMatrices {
  readonly #context: QueryContext;
  readonly #placer: Placer;
  readonly #state: OpenState;
  readonly #placements = new Map<string, Placement>();

  constructor(context: QueryContext, placer: Placer, state: OpenState) {
    this.#context = context;
    this.#placer = placer;
    this.#state = state;
  }

  /**
   * Lets workers load a file: a new generation of the name. Until all of its shards are held, `find()` gives the one before; then that
   * is dropped as soon as the requests of this process that use it have ended, and those of other
   * processes have had five seconds.
   *
   * @throws TypeError or RangeError that names the field, the expected and the given value
   */
  async place(name: string, file: PlacedFile, signal?: AbortSignal): Promise<Result<PlacedMatrix, BackendError>> {
    const key = keyOf(name);
    const { path, dtype, scale, ...shape } = checkedFile(file);
    const refusal = this.#refuse(signal);
    if (refusal !== undefined) return refusal;
    const before = this.#context.directory.completeGenerations(key);
    const now = Date.now() * GENERATIONS_PER_MS + randomInt(GENERATIONS_PER_MS);
    const generation = Math.max(now, (before.at(0)?.generation ?? 0) + 1);
    const placing = this.#placer.placeFile({ ...shape, dtype, scale }, path, key, generation, signal);
    const placed = await this.#state.track(placing);
    if ('error' in placed) return placed;
    const followed = this.#placements.get(key);
    this.#placements.set(key, placed);
    for (const { generation: old } of before) {
      const drop = () => this.#placer.dropLater(key, old, OLD_GENERATION_MS);
      if (old === followed?.generation) followed.retire(drop);
      else drop();
    }
    return ok(handleOf(placed));
  }

  /** The newest generation that is complete. */
  find(name: string): PlacedMatrix | undefined {
    const key = keyOf(name);
    const { directory } = this.#context;
    const newest = directory.completeGenerations(key).at(0);
    if (newest?.shards[0].kind !== 'matrix') return undefined;
    const known = this.#placements.get(key);
    if (known?.generation === newest.generation) return handleOf(known);
    const { generation, shards } = newest;
    const profile = directory.holders(shards[0]).at(0)?.profile ?? '';
    const placement = new Placement({ key, generation, version: generation, profile, shards });
    this.#placements.set(key, placement);
    return handleOf(placement);
  }

  /** Makes all workers forget every generation of a name. */
  drop(name: string): void {
    const key = keyOf(name);
    this.#placements.delete(key);
    this.#placer.drop(key);
  }

  /**
   * The best rows for each query. Where no live worker holds some of the rows, the error has the ranking of the others, for
   * {@link resume}. Another generation than that of the handle is never used: the kind is `'stale'` when it was dropped.
   *
   * @throws TypeError or RangeError that names the field, the expected and the given value
   */
  topK(matrix: PlacedMatrix, ranking: PlacedRanking, signal?: AbortSignal): Promise<Result<PlacedAnswer, PlacedError>> {
    return this.#rank(matrix, ranking, undefined, signal);
  }

  /** Ranks the rows that `partial` lacks, of the same matrix by the same request, and merges both. */
  async resume(
    matrix: PlacedMatrix,
    ranking: PlacedRanking,
    partial: PartialAnswer<TopKOutput>,
    signal?: AbortSignal,
  ): Promise<Result<PlacedAnswer, PlacedError>> {
    if (partial?.operand?.version !== matrix.version) {
      throw new RangeError(expected('partial.operand.version', String(matrix.version), partial?.operand?.version));
    }
    return this.#rank(matrix, ranking, partial, signal);
  }

  async #rank(
    matrix: PlacedMatrix,
    ranking: PlacedRanking,
    earlier: PartialAnswer<TopKOutput> | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Result<PlacedAnswer, PlacedError>> {
    const request = preparePlaced(matrix, ranking);
    const { failures, directory } = this.#context;
    const placement = this.#placementOf(matrix);
    const newest = directory.completeGenerations(matrix.placement).at(0)?.generation;
    const isDropped = placement?.shards.some((shard) => directory.holders(shard).length === 0) === true;
    const isStale = placement === undefined || (isDropped && newest !== undefined && newest !== matrix.version);
    const stale = () => failures.of('stale', `generation ${matrix.version} was dropped; get the newest with find()`);
    const refusal = this.#refuse(signal) ?? (isStale ? stale() : undefined);
    if (refusal !== undefined || placement === undefined) return err({ ...(refusal ?? stale()).error, partial: null });
    const endUse = placement.use();
    try {
      return await this.#state.track(rankPlaced(this.#context, placement, matrix, request, earlier, signal));
    } finally {
      endUse();
    }
  }

  #placementOf({ placement: key, version }: PlacedMatrix): Placement | undefined {
    const placement = this.#placements.get(key);
    return placement?.version === version ? placement : undefined;
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

function handleOf({ key, version, shards }: Placement): PlacedMatrix {
  const [{ rows, dimensions }] = shards;
  return { id: nextOperandId(), version, rows, dimensions, placement: key };
}

function checkedFile(file: PlacedFile): PlacedFile {
  const given = readOptions('file', file, FIELDS);
  const { path } = given;
  if (typeof path !== 'string' || path === '') throw new TypeError(expected('file.path', 'the path of a file', path));
  const rows = requireInteger('file.rows', given.rows, 1, MOST_ROWS);
  const dimensions = requireInteger('file.dimensions', given.dimensions, 1, WIRE_LIMITS.dimensions);
  const dtype = requireOneOf('file.dtype', DTYPES, given.dtype) ?? 'float32';
  return { path, rows, dimensions, dtype, scale: requireScale('file.scale', given.scale, dtype) };
}
