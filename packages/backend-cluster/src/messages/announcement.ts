import { decodeJson, encodeJson } from './json-fields.js';
import { readShardSpec, type ShardSpec } from './shard-spec.js';

/** The most shards of one worker, so that an announcement fits in a message. */
export const MOST_HELD_SHARDS = 4096;

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
