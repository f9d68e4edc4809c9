import { decodeJson, encodeJson, type JsonFields } from './json-fields.js';
import { MOST_SHARDS, readShardSpec, type ShardSpec } from './shard-spec.js';

/** Where the contents of a shard come from. */
export type ShardSource =
  | {
      readonly kind: 'push';
      /** A random number that the pieces carry. */
      readonly load: number;
      /** Bytes of each piece but the last one. */
      readonly pieceBytes: number;
    }
  | {
      /** A file below the data root of the worker, in the format of `matrix.save()`, with all rows of the matrix. */
      readonly kind: 'file';
      readonly path: string;
    }
  | {
      /** Nowhere: only asks a worker that holds the shard from which files it has it. */
      readonly kind: 'held';
    };

/** Asks a worker to hold a shard. */
export interface LoadOrder {
  readonly spec: ShardSpec;
  readonly source: ShardSource;
}

/** Asks a worker to forget a generation of a key, or all of them. */
export interface DropOrder {
  readonly key: string;
  readonly generation: number | undefined;
  /** This shard alone, of a generation that has a copy too many. */
  readonly shard?: number | undefined;
  /** After so long, so that requests by a manifest of before end. Memory that is wanted earlier is taken earlier. Default 0. */
  readonly afterMs?: number | undefined;
}

const LOAD_FAILURES = [
  'invalid-input',
  'out-of-memory',
  'unsupported',
  'fault',
  /** The load is not known any more. */
  'stale',
] as const;
export type LoadFailure = (typeof LOAD_FAILURES)[number];

export type LoadAnswer =
  | {
      readonly ok: true;
      /** The shard is held, and this or a later announcement says so. */
      readonly isHeld: boolean;
      readonly sequence: number;
      /** The files that the shard was loaded from. */
      readonly files?: readonly string[] | undefined;
    }
  | {
      readonly ok: false;
      readonly kind: LoadFailure;
      readonly message: string;
      readonly requestedBytes?: number | undefined;
      readonly freeBytes?: number | undefined;
    };

export const MOST_FILES = 256;
export const LONGEST_PATH = 1024;
const LONGEST_MESSAGE = 1000;
const LONGEST_DELAY_MS = 3_600_000;

export function encodeLoadOrder(order: LoadOrder): Uint8Array {
  return encodeJson(order);
}

export function decodeLoadOrder(bytes: Uint8Array): LoadOrder | string {
  return decodeJson(bytes, (fields) => ({
    spec: readShardSpec(fields.object('spec')),
    source: readSource(fields.object('source')),
  }));
}

export function encodeDropOrder(order: DropOrder): Uint8Array {
  return encodeJson(order);
}

export function decodeDropOrder(bytes: Uint8Array): DropOrder | string {
  return decodeJson(bytes, (fields) => ({
    key: fields.token('key'),
    generation: fields.has('generation') ? fields.integer('generation', 0) : undefined,
    shard: fields.has('shard') ? fields.integer('shard', 0, MOST_SHARDS) : undefined,
    afterMs: fields.has('afterMs') ? fields.integer('afterMs', 0, LONGEST_DELAY_MS) : undefined,
  }));
}

export function encodeLoadAnswer(answer: LoadAnswer): Uint8Array {
  return encodeJson(answer.ok ? answer : { ...answer, message: answer.message.slice(0, LONGEST_MESSAGE) });
}

export function decodeLoadAnswer(bytes: Uint8Array): LoadAnswer | string {
  return decodeJson(bytes, (fields): LoadAnswer => {
    if (fields.boolean('ok')) {
      const files = fields.has('files') ? fields.texts('files', MOST_FILES, LONGEST_PATH) : undefined;
      return { ok: true, isHeld: fields.boolean('isHeld'), sequence: fields.integer('sequence', 0), files };
    }
    return {
      ok: false,
      kind: fields.word('kind', LOAD_FAILURES),
      message: fields.text('message', LONGEST_MESSAGE),
      requestedBytes: fields.has('requestedBytes') ? fields.integer('requestedBytes', 0) : undefined,
      freeBytes: fields.has('freeBytes') ? fields.integer('freeBytes', 0) : undefined,
    };
  });
}

function readSource(fields: JsonFields): ShardSource {
  const kind = fields.word('kind', ['push', 'file', 'held']);
  if (kind === 'held') return { kind };
  if (kind === 'file') return { kind, path: fields.text('path', LONGEST_PATH) };
  return { kind, load: fields.integer('load', 0), pieceBytes: fields.integer('pieceBytes', 1) };
}
