import { decodeJson, encodeJson } from './json-fields.js';
import { readShardSpec, type ShardSpec } from './shard-spec.js';

/** The most shards of one worker, whatever the messaging system allows. */
const MOST_HELD_SHARDS = 2048;
/** A shard takes no more in an announcement, and neither does the rest of it. */
const BYTES_PER_SHARD = 400;
const OTHER_BYTES = 512;

/** So many shards of a worker fit in an announcement. */
export function mostHeldShards(maxPayloadBytes: number): number {
  return Math.min(MOST_HELD_SHARDS, Math.max(1, Math.floor((maxPayloadBytes - OTHER_BYTES) / BYTES_PER_SHARD)));
}

/** What a worker says of itself, every second and after each change. */
export interface Announcement {
  readonly worker: string;
  /** A random number of its process: one that was started anew holds nothing of before. */
  readonly instance: number;
  /** Grows with each announcement of the process. */
  readonly sequence: number;
  /** Instruction-set level and version of what computes: the bits of scores depend on it. */
  readonly profile: string;
  readonly freeBytes: number;
  readonly maxBytes: number;
  /** Takes no new shards, and is about to leave. */
  readonly isDraining: boolean;
  readonly underWay: number;
  readonly shards: readonly ShardSpec[];
}

export function encodeAnnouncement(announcement: Announcement): Uint8Array {
  return encodeJson(announcement);
}

/** @returns or what is wrong with the message */
export function decodeAnnouncement(bytes: Uint8Array): Announcement | string {
  return decodeJson(bytes, (fields) => ({
    worker: fields.token('worker'),
    instance: fields.integer('instance', 0),
    sequence: fields.integer('sequence', 0),
    profile: fields.text('profile', 100),
    freeBytes: fields.integer('freeBytes', 0),
    maxBytes: fields.integer('maxBytes', 0),
    isDraining: fields.boolean('isDraining'),
    underWay: fields.integer('underWay', 0),
    shards: fields.list('shards', MOST_HELD_SHARDS, readShardSpec),
  }));
}
