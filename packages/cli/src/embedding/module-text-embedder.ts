import { Console } from 'node:console';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { requireRegularFile } from '../files/open-regular-file.js';
import { reasonOf } from '../files/reason-of.js';
import { UserError } from '../user-error.js';
import type { TextEmbedder } from './text-embedder.js';

/** Texts of one call. */
const BATCH_TEXTS = 32;
/** A call that takes longer is given up. */
const CALL_LIMIT_MS = 10 * 60_000;
/** More than any model has. It keeps a mistake in `dimensions` from allocating all memory. */
const MAX_DIMENSIONS = 65_536;

const EXAMPLE = 'export const dimensions = 384; export async function embed(texts) { ... }';

/** The exports of the module, after validation. */
interface EmbedderModule {
  /** As the user wrote it; for messages. */
  readonly path: string;
  readonly dimensions: number;
  readonly embed: (texts: readonly string[]) => unknown;
}

/**
 * Imports a module that exports `dimensions` and `embed(texts)`, and embeds one text with it, so that most of its mistakes are found
 * before a long run.
 *
 * @throws UserError with the path and the problem if it cannot be imported, exports something else, throws, does not answer in time,
 *   or returns anything but one vector of finite numbers per text. The methods of the embedder reject in the same way.
 */
export async function loadTextEmbedder(path: string, callLimitMs = CALL_LIMIT_MS): Promise<TextEmbedder> {
  const restoreConsole = redirectConsole();
  const module = await importEmbedder(path, callLimitMs).finally(restoreConsole);
  const { dimensions } = module;
  const embedder: TextEmbedder = {
    dimensions,
    // A model knows what the words do not say, and the words what the model blurs.
    lexicalWeight: 1,
    async embedPassages(texts, onProgress) {
      const values = new Float32Array(texts.length * dimensions);
      for (let start = 0; start < texts.length; start += BATCH_TEXTS) {
        const batch = texts.slice(start, start + BATCH_TEXTS);
        const output = values.subarray(start * dimensions, (start + batch.length) * dimensions);
        await embedInto(module, batch, output, callLimitMs);
        onProgress(start + batch.length, texts.length);
      }
      return values;
    },
    async embedQuery(text) {
      const query = new Float32Array(dimensions);
      await embedInto(module, [text], query, callLimitMs);
      return query;
    },
  };
  await embedder.embedQuery('a first text');
  return embedder;
}

async function importEmbedder(path: string, limitMs: number): Promise<EmbedderModule> {
  const file = resolve(path);
  try {
    requireRegularFile(await stat(file));
  } catch (error) {
    throw problemOf(path, error instanceof UserError ? error.message : `cannot read the file (${reasonOf(error)})`);
  }
  let module: { readonly dimensions?: unknown; readonly embed?: unknown };
  try {
    module = (await callWithin(limitMs, () => import(pathToFileURL(file).href))) as typeof module;
  } catch (error) {
    throw problemOf(path, `importing the module failed: ${describeThrown(error)}`);
  }
  const { dimensions, embed } = module;
  if (!Number.isInteger(dimensions) || Number(dimensions) < 1 || Number(dimensions) > MAX_DIMENSIONS) {
    const expected = `expected the export 'dimensions' to be a whole number from 1 to ${MAX_DIMENSIONS}`;
    throw problemOf(path, `${expected}, got ${describeValue(dimensions)}; write ${EXAMPLE}`);
  }
  if (typeof embed !== 'function') {
    const expected = "expected the export 'embed' to be a function";
    throw problemOf(path, `${expected}, got ${describeValue(embed)}; write ${EXAMPLE}`);
  }
  return { path, dimensions: Number(dimensions), embed: embed as EmbedderModule['embed'] };
}

function problemOf(path: string, message: string): UserError {
  return new UserError(`--embedder ${path}: ${message}`);
}

async function embedInto(
  { path, dimensions, embed }: EmbedderModule,
  texts: string[],
  output: Float32Array,
  callLimitMs: number,
): Promise<void> {
  const problem = (message: string): UserError => problemOf(path, message);
  const restoreConsole = redirectConsole();
  let vectors: unknown;
  try {
    // A copy, which the module may change.
    vectors = await callWithin(callLimitMs, () => embed([...texts]));
  } catch (error) {
    throw problem(`embed() failed: ${describeThrown(error)}`);
  } finally {
    restoreConsole();
  }
  try {
    copyVectors(vectors, dimensions, texts.length, output);
  } catch (error) {
    throw problem(describeThrown(error));
  }
}

/** @throws Error with the problem if `vectors` is anything but `count` vectors of finite numbers */
function copyVectors(vectors: unknown, dimensions: number, count: number, output: Float32Array): void {
  if (!Array.isArray(vectors)) {
    throw new Error(`expected embed() to return an array of ${count} vectors, got ${describeValue(vectors)}`);
  }
  if (vectors.length !== count) {
    throw new Error(`expected embed() to return ${count} vectors for ${count} texts, got ${vectors.length}`);
  }
  for (const [row, vector] of (vectors as unknown[]).entries()) {
    if (!isVector(vector)) {
      throw new Error(
        `expected vector ${row} to be an array or a Float32Array of numbers, got ${describeValue(vector)}`,
      );
    }
    if (vector.length !== dimensions) {
      throw new Error(`vector ${row} has ${vector.length} values, but the module exports dimensions = ${dimensions}`);
    }
    for (let column = 0; column < dimensions; column++) {
      const value = vector[column];
      const rounded = typeof value === 'number' ? Math.fround(value) : Number.NaN;
      if (!Number.isFinite(rounded)) {
        throw new Error(`expected finite float32 numbers, got ${describeValue(value)} in vector ${row} at ${column}`);
      }
      output[row * dimensions + column] = rounded;
    }
  }
}

/** Rejects after a time limit. Its timer also keeps the process running while a promise of the module never settles. */
async function callWithin(limitMs: number, call: () => unknown): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const tooSlow = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no result within ${limitMs / 1000} seconds`));
    }, limitMs);
  });
  try {
    return await Promise.race([(async () => await call())(), tooSlow]);
  } finally {
    clearTimeout(timer);
  }
}

function isVector(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** Models print progress. With `--json`, standard output must have nothing but the answer, so it goes to standard error. */
function redirectConsole(): () => void {
  const original = globalThis.console;
  globalThis.console = new Console(process.stderr, process.stderr);
  return () => {
    globalThis.console = original;
  };
}

/** The message of anything thrown, even of an object that cannot be read, such as a revoked proxy. */
function describeThrown(thrown: unknown): string {
  try {
    if (thrown instanceof Error && typeof thrown.message === 'string' && thrown.message !== '') return thrown.message;
    return describeValue(thrown);
  } catch {
    return 'an object that cannot be read';
  }
}

function describeValue(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 80)}'`;
  if (value === null || ['undefined', 'number', 'boolean', 'bigint', 'symbol'].includes(typeof value))
    return String(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return `an array of ${value.length} elements`;
  if (ArrayBuffer.isView(value)) return 'a typed array';
  return 'an object';
}
