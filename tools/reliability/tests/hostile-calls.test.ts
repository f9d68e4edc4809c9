import { createMatrix } from '@gearshift/contracts';
import { effort, seedOr, tellCount } from '@gearshift/vitest-config/effort';
import {
  createExecutor,
  DeadlineExceededError,
  RowSet,
  type Executor,
  type OwnedGraph,
  type OwnedMatrix,
} from 'gearshift';
import { afterAll, beforeAll, expect, test } from 'vitest';

// Random invalid arguments in every place: each call ends in a TypeError or a RangeError that names an argument, or in an answer; never
// in another error, a crash or a hang.

const CALLS = effort({ test: 2000, ci: 10_000, nightly: 1_000_000 });
const SEED = seedOr(77);

let state = SEED >>> 0;
function below(bound: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * bound);
}
const oneOf = <T>(values: readonly T[]): T => values[below(values.length)];

function detached(): Float32Array {
  const values = new Float32Array(8);
  structuredClone(values.buffer, { transfer: [values.buffer] });
  return values;
}
function shrunk(): Float32Array {
  // Not in the types of Node 20's language level.
  const Resizable = ArrayBuffer as unknown as new (
    bytes: number,
    options: object,
  ) => ArrayBuffer & { resize: (bytes: number) => void };
  const buffer = new Resizable(64, { maxByteLength: 64 });
  const values = new Float32Array(buffer, 0, 16);
  buffer.resize(8);
  return values;
}
/** Returns another value at each read. */
const lying = () => ({
  get k() {
    return below(5) - 1;
  },
  get metric() {
    return oneOf(['dot', 'cosine', 'nothing']);
  },
});
const throwing = () =>
  new Proxy(
    {},
    {
      get() {
        throw new TypeError('proxy: expected no access');
      },
    },
  );

const NUMBERS = [
  0,
  -0,
  -1,
  1,
  1.5,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  Number.NaN,
  Infinity,
  -Infinity,
  '3',
  null,
  undefined,
  1n,
  {},
];
/** A graph with billions of nodes is large but valid. */
const NODES = NUMBERS.filter((number) => number !== 2 ** 31 && number !== 2 ** 32);
const VECTORS = [
  () => new Float32Array(8).fill(0.5),
  () => new Float32Array(16).fill(Number.NaN),
  () => new Float32Array(new SharedArrayBuffer(32)),
  () => new Float32Array(0),
  () => new Float32Array(7),
  () => new Float64Array(8),
  () => new Int8Array(8).fill(-128),
  () => new Uint16Array(8).fill(0x7c01),
  () => [1, 2, 3, 4, 5, 6, 7, 8],
  () => [1, '2', 3, 4, 5, 6, 7, 8],
  () => new Array(8),
  detached,
  shrunk,
  throwing,
  () => null,
  () => 'vector',
  () => ({ length: 8 }),
  () => ({ length: 2 ** 40 }),
];

const DTYPES = ['float32', 'float16', 'bfloat16', 'int8', 'float8', 8, null, undefined, {}];
const ROW_LISTS = [0, 3, [1, 2], new Uint32Array([4]), [99], [-1], [1.5], 'x', null, {}, detached(), [Number.NaN]];
const SETS = [
  () => RowSet.fromRows([1, 2, 3], 20),
  () => RowSet.fromRows([], 0),
  () => RowSet.fromRows([30], 31),
  () => ({ rowCount: oneOf(NUMBERS), words: new Uint32Array(1) }),
  () => ({ rowCount: 20, words: oneOf(VECTORS)() }),
  throwing,
  () => [1, 2],
  () => null,
];

test(`${CALLS} hostile calls fail with a clear message or succeed (seed ${SEED})`, { timeout: 3_600_000 }, async () => {
  const ends = new Map<string, number>();
  for (let i = 0; i < CALLS; i++) {
    const end = await hostileCall(i);
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  // Both kinds of calls must occur.
  expect(ends.get('refused') ?? 0).toBeGreaterThan(CALLS / 4);
  expect(ends.get('answered') ?? 0).toBeGreaterThan(CALLS / 50);
  expect([...ends.keys()].sort()).toEqual(['answered', 'refused']);
  tellCount('R10', CALLS);
});

let executor: Executor;
/** Stored matrices of every type, which grow with the calls. */
let stored: OwnedMatrix[];
/** Alive and disposed. */
let graphs: OwnedGraph[];
beforeAll(async () => {
  executor = await createExecutor({ backends: ['cpu'] });
  stored = [];
  for (const dtype of ['float32', 'float16', 'bfloat16', 'int8'] as const) {
    stored.push(await executor.matrix(new Float32Array(8 * 20).fill(0.25), { dimensions: 8, dtype }));
  }
  graphs = [];
  for (let i = 0; i < 3; i++) graphs.push(await executor.graph({ nodes: 8, edges: [[0, 1], [1, 7, 0.5]] })); // prettier-ignore
  handles = [...stored, ...graphs].map((operand) => structuredClone(operand) as unknown as Handle);
  await graphs[2][Symbol.asyncDispose]();
});
afterAll(async () => {
  // The executor still works after all of these calls.
  const matrix = createMatrix(new Float32Array(16).fill(1), { dimensions: 8 });
  expect((await executor.topK(new Float32Array(8).fill(1), matrix, { k: 1 })).indices).toEqual(Uint32Array.of(0));
  await executor.close();
});

interface Handle {
  readonly stored: object;
}
/** What another thread receives of the stored matrices and graphs. */
let handles: Handle[];

/** A handle with a part that is wrong, missing or of another operand. */
function hostileHandle(): unknown {
  const handle = oneOf(handles);
  const other = oneOf(handles);
  switch (below(6)) {
    case 0:
      return { ...handle, stored: oneOf<unknown>([null, 1, {}, [], throwing(), other.stored]) };
    case 1:
      return { ...handle, stored: changed(handle.stored) };
    case 2:
      return changed(handle);
    case 3:
      return { ...other, ...handle };
    case 4:
      return { stored: handle.stored };
    default:
      return handle;
  }
}

/** A copy with one property that is something else. */
function changed(object: object): object {
  const memory = [new SharedArrayBuffer(64), new ArrayBuffer(4096), new Int32Array(new SharedArrayBuffer(4096))];
  return { ...object, [oneOf(Object.keys(object))]: oneOf<unknown>([...NUMBERS, ...memory, oneOf(VECTORS)()]) };
}

function hostileMatrix(): unknown {
  const sound = createMatrix(new Float32Array(8 * 20).fill(0.25), { dimensions: 8 });
  switch (below(10)) {
    case 0:
      return { ...sound, rows: oneOf(NUMBERS) };
    case 1:
      return { ...sound, dimensions: oneOf(NUMBERS) };
    case 2:
      return { ...sound, values: oneOf(VECTORS)() };
    case 3:
      return oneOf([null, 1, [], 'matrix', throwing()]);
    case 7:
      return { ...sound, dtype: oneOf(DTYPES), scale: oneOf(NUMBERS), values: oneOf(VECTORS)() };
    case 8:
      return oneOf(stored);
    case 9:
      return hostileHandle();
    case 4:
      return { ...sound, id: oneOf(NUMBERS), version: oneOf(NUMBERS) };
    default:
      return sound;
  }
}

const hostileOptions = () =>
  oneOf<() => unknown>([
    () => ({ k: oneOf(NUMBERS) }),
    () => ({ k: 3, start: oneOf(NUMBERS), end: oneOf(NUMBERS) }),
    () => ({ k: 3, candidates: oneOf([new Uint32Array([1, 2]), [99], [1, 1], detached(), 'x', [Number.NaN]]) }),
    () => ({ k: 3, where: oneOf(SETS)() }),
    () => ({ k: 3, minScore: oneOf(NUMBERS) }),
    () => ({ k: 3, deadlineMs: oneOf(NUMBERS) }),
    () => ({ k: 3, signal: oneOf([{}, 1, null, new EventTarget()]) }),
    () => ({ k: 3, metric: oneOf(['dot', 'manhattan', 3, null]) }),
    lying,
    throwing,
    () => ({ k: 2 }),
    () => undefined,
  ])();

async function hostileCall(index: number): Promise<string> {
  const matrix = hostileMatrix() as never;
  const query = oneOf(VECTORS)() as never;
  const options = hostileOptions() as never;
  const calls: (() => unknown)[] = [
    () => executor.topK(query, matrix, options),
    () => executor.cosineSimilarity(query, matrix, options),
    () => executor.topKSync(query, matrix, options),
    () => executor.cosineSimilaritySync(query, matrix, options),
    () => executor.run({ operation: oneOf(['top-k', 'cosine-similarity', 'sort', 1]), query, matrix, k: 2 } as never),
    // With the options of their operation, so that some calls are answered.
    () => executor.topK(query, matrix, { k: 2 }),
    () => executor.cosineSimilarity(query, matrix),
    () => executor.run({ operation: 'cosine-similarity', query, matrix }),
    () => executor.matrix(query, { dimensions: oneOf(NUMBERS) } as never),
    () =>
      executor.matrix(query, {
        dimensions: oneOf([8, 2, oneOf(NUMBERS)]),
        dtype: oneOf(DTYPES),
        scale: oneOf([undefined, oneOf(NUMBERS)]),
        adopt: oneOf([undefined, true, oneOf(NUMBERS)]),
      } as never),
    () => oneOf(stored).append(oneOf([query, [query], [query, null]]) as never),
    () => oneOf(stored).update(oneOf(NUMBERS) as never, query),
    () => oneOf(stored).update({ start: oneOf(NUMBERS), rows: oneOf([query, [query]]) } as never),
    () => oneOf(stored).remove(oneOf(ROW_LISTS) as never),
    () => oneOf(stored).row(oneOf(NUMBERS) as never),
    () => executor.spreadActivation(oneOf<unknown>([hostileHandle(), oneOf(graphs)]) as never, query, options),
    () => executor.spreadActivationSync(oneOf<unknown>([hostileHandle(), oneOf(graphs)]) as never, query),
    () => executor.run({ operation: 'spread-activation', graph: hostileHandle(), activations: query } as never),
    () => executor.attach(hostileHandle() as never).id,
    () => executor.spreadActivation({ ...(matrix as object), nodes: oneOf(NODES) } as never, query, options),
    () =>
      executor.graph({
        nodes: oneOf(NODES),
        edges: oneOf([[[0, 1, 2]], [[0]], 'x', [[0, 0, Number.NaN]], [null], null]),
      } as never),
  ];
  try {
    await oneOf(calls)();
    return 'answered';
  } catch (error) {
    if (error instanceof DeadlineExceededError) return 'answered';
    const namesArgument = /^([\w.[\] ]+: |query has \d+ values but the matrix has |graph is disposed$)/;
    const isWords = (error instanceof TypeError || error instanceof RangeError) && namesArgument.test(error.message);
    if (!isWords) throw new Error(`call ${index}: ${String(error)}`, { cause: error });
    return 'refused';
  }
}
