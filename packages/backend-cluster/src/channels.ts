import { channel } from 'node:diagnostics_channel';
import type { AnswerStatus } from './wire/answer.js';
import type { QueryOperation } from './wire/wire-limits.js';

/** The end of a query at one shard: the statuses of an answer, and what the coordinator makes of others. */
export type ShardOutcome =
  'success' | 'stale' | 'unreachable' | 'timeout' | 'invalid-result' | 'invalid-input' | 'fault' | 'aborted';

/** The message of the channel `gearshift:shard`: a query at one shard has ended. */
export interface ShardEvent {
  readonly backend: string;
  readonly operation: QueryOperation;
  readonly shard: number;
  readonly outcome: ShardOutcome;
  readonly latencyMs: number;
  /** Of the answer; NaN without one. */
  readonly kernelMs: number;
  readonly queueMs: number;
  /** Workers that were asked and did not refuse, the one that a broadcast reached included. */
  readonly asked: number;
  /** In the header of the query, in hexadecimal digits. */
  readonly traceId: string;
}

/** The message of the channel `gearshift:hedge`: a shard was asked a second time, because it had not answered in time. */
export interface HedgeEvent {
  readonly backend: string;
  readonly operation: QueryOperation;
  readonly shard: number;
  readonly afterMs: number;
  readonly traceId: string;
}

/** The message of the channel `gearshift:repair`: a copy of a shard was brought to another worker, or could not be. */
export interface RepairEvent {
  readonly backend: string;
  readonly kind: 'matrix' | 'graph';
  /** A worker that held it was lost, or leaves. */
  readonly cause: 'lost' | 'leaving';
  readonly outcome: RepairOutcome;
  readonly bytes: number;
  readonly latencyMs: number;
}

export type RepairOutcome =
  'success' | 'unreachable' | 'aborted' | 'invalid-input' | 'out-of-memory' | 'unsupported' | 'fault' | 'stale';

/** The message of the channel `gearshift:copies`: the copies of all shards that this process knows how to bring have changed. */
export interface CopiesEvent {
  readonly backend: string;
  /** As many as were ordered, or as there are workers. */
  readonly wanted: number;
  readonly held: number;
}

/** The message of the channel `gearshift:trace`: a request is about to be sent to shards. A subscriber may choose its trace id. */
export interface TraceEvent {
  readonly backend: string;
  readonly operation: QueryOperation;
  /** 32 hexadecimal digits. As long as no subscriber sets it, it is undefined, and the id is random. */
  traceId: string | undefined;
}

/** The message of the channel `gearshift:answer`, in the process of a worker: it has answered a query. */
export interface AnswerEvent {
  readonly operation: QueryOperation;
  readonly shard: number;
  readonly status: AnswerStatus;
  /** From the arrival of the query to its answer. */
  readonly latencyMs: number;
  /** Of the coordinator's request; zeros where it is not traced. */
  readonly traceId: string;
}

/** Names of the `node:diagnostics_channel` channels of a cluster. */
export const CLUSTER_CHANNELS = {
  shard: 'gearshift:shard',
  hedge: 'gearshift:hedge',
  repair: 'gearshift:repair',
  copies: 'gearshift:copies',
  trace: 'gearshift:trace',
  answer: 'gearshift:answer',
} as const;

export const shardChannel = channel(CLUSTER_CHANNELS.shard);
export const hedgeChannel = channel(CLUSTER_CHANNELS.hedge);
export const repairChannel = channel(CLUSTER_CHANNELS.repair);
export const copiesChannel = channel(CLUSTER_CHANNELS.copies);
export const traceChannel = channel(CLUSTER_CHANNELS.trace);
export const answerChannel = channel(CLUSTER_CHANNELS.answer);
