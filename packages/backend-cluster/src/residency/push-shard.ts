import { randomBytes } from 'node:crypto';
import { describeThrown } from '@gearshift/contracts/internal';
import { decodeLoadAnswer, encodeLoadOrder, type LoadAnswer, type ShardSource } from '../messages/load-order.js';
import { contentBytes, type ShardSpec } from '../messages/shard-spec.js';
import type { Subjects, WorkerTopic } from '../subjects.js';
import type { BulkConnection } from '../transport/bulk-connection.js';
import { reasonOf } from '../transport/reason-of.js';
import type { ClusterTransport, TransportErrorReason } from '../transport/transport.js';
import { encodePiece, PIECE_HEADER_BYTES } from '../wire/push-piece.js';
import type { Pace } from './pace.js';
import type { ContentReader } from './shard-contents.js';

/** Pieces that wait for their answer at the same time: more would fill the buffers of a worker that was stopped. */
const WINDOW = 8;
/** The same for copies that no request waits for. */
export const BACKGROUND_WINDOW = 2;
/** A digest of so much takes a fraction of a millisecond, and keeps no query waiting for longer. */
const MOST_PIECE_BYTES = 256 * 1024;
/** A piece that was lost is sent again so often. */
const ATTEMPTS = 3;
const PIECE_TIMEOUT_MS = 10_000;

const PIECE_LIMITS = { timeoutMs: PIECE_TIMEOUT_MS, attempts: ATTEMPTS } as const;
/** A worker may have to read the whole file, for ten minutes. The order is repeated: it may be lost, and the worker may end. */
const FILE_LIMITS = { timeoutMs: PIECE_TIMEOUT_MS, attempts: 60 } as const;

export interface PushTarget {
  readonly transport: ClusterTransport;
  /** The connection for pieces, and how fast they may follow each other. Default: the same one, and as fast as they are answered. */
  readonly bulk?: { readonly connection: BulkConnection; readonly pace: Pace } | undefined;
  readonly subjects: Subjects;
  readonly worker: string;
}

/** Why a shard is not held. */
export type PushFailure =
  | Extract<LoadAnswer, { ok: false }>
  | {
      readonly ok: false;
      readonly kind: 'unreachable';
      readonly reason: TransportErrorReason;
      readonly message: string;
    }
  | { readonly ok: false; readonly kind: 'aborted'; readonly message: string };

export type PushEnd = { readonly ok: true; readonly sequence: number } | PushFailure;

/** Sends a shard to a worker, in pieces with digests. */
export async function pushShard(
  target: PushTarget,
  spec: ShardSpec,
  read: ContentReader,
  signal: AbortSignal | undefined,
  window = WINDOW,
): Promise<PushEnd> {
  const byteLength = contentBytes(spec);
  const pieceBytes = Math.min(target.transport.maxPayloadBytes - PIECE_HEADER_BYTES, MOST_PIECE_BYTES);
  const load = randomBytes(6).readUIntLE(0, 6);
  const ordered = await order(target, spec, { kind: 'push', load, pieceBytes }, signal);
  if (!ordered.ok) return ordered;
  const piecesTarget = await targetOfPieces(target);
  if ('kind' in piecesTarget) return piecesTarget;
  const pieces = Math.ceil(byteLength / pieceBytes);
  let next = 0;
  let end: PushEnd | undefined = ordered.isHeld ? ordered : undefined;
  const sendPieces = async () => {
    while (end === undefined && next < pieces) {
      const index = next++;
      const at = index * pieceBytes;
      await target.bulk?.pace.pass(Math.min(pieceBytes, byteLength - at), signal);
      const contents = read(at, Math.min(pieceBytes, byteLength - at));
      if (contents === undefined) {
        end = { ok: false, kind: 'invalid-input', message: 'the memory of the operand was detached while it was sent' };
        return;
      }
      const answer = await askLoad(piecesTarget, 'push', encodePiece({ load, index, contents }), signal);
      // Of several failures the first one counts, and the last piece is answered when all have come.
      if (!answer.ok || answer.isHeld) end ??= asPushed(answer, target);
    }
  };
  await Promise.all(Array.from({ length: Math.min(window, pieces) }, sendPieces));
  return end ?? { ok: false, kind: 'fault', message: 'the worker got every piece, and does not hold the shard' };
}

/** A worker without its connection for pushes still answers on the other one. */
function asPushed(answer: PushEnd, { bulk }: PushTarget): PushEnd {
  const hasNoReceiver = !answer.ok && answer.kind === 'unreachable' && answer.reason === 'no-receiver';
  return hasNoReceiver && bulk !== undefined ? { ...answer, reason: 'disconnected' } : answer;
}

async function targetOfPieces(target: PushTarget): Promise<PushTarget | PushFailure> {
  const { bulk, subjects, worker } = target;
  if (bulk === undefined) return target;
  try {
    return { transport: await bulk.connection.open(), subjects, worker };
  } catch (error) {
    const message = `the connection for pushes cannot be opened: ${describeThrown(error)}`;
    return { ok: false, kind: 'unreachable', reason: reasonOf(error), message };
  }
}

/** Asks a worker to hold a shard, from pieces that follow or from a file. */
export function order(
  target: PushTarget,
  spec: ShardSpec,
  source: ShardSource,
  signal: AbortSignal | undefined,
): Promise<Extract<LoadAnswer, { ok: true }> | PushFailure> {
  const limits = source.kind === 'files' ? FILE_LIMITS : PIECE_LIMITS;
  return askLoad(target, 'load', encodeLoadOrder({ spec, source }), signal, limits);
}

/** Asks a worker to hold a shard from files, which it does when it answers. */
export async function orderFiles(
  target: PushTarget,
  spec: ShardSpec,
  files: readonly string[],
  signal: AbortSignal | undefined,
): Promise<PushEnd> {
  const end = await order(target, spec, { kind: 'files', files }, signal);
  return end.ok && !end.isHeld ? { ok: false, kind: 'fault', message: 'the worker does not hold the shard' } : end;
}

async function askLoad(
  { transport, subjects, worker }: PushTarget,
  topic: WorkerTopic,
  message: Uint8Array,
  signal: AbortSignal | undefined,
  { timeoutMs, attempts }: { readonly timeoutMs: number; readonly attempts: number } = PIECE_LIMITS,
): Promise<Extract<LoadAnswer, { ok: true }> | PushFailure> {
  const options = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
  let reason: TransportErrorReason = 'timeout';
  for (let attempt = 0; attempt < attempts && reason === 'timeout'; attempt++) {
    try {
      const answer = decodeLoadAnswer(await transport.ask(subjects.worker(worker, topic), message, options));
      if (typeof answer !== 'string') return answer;
      return { ok: false, kind: 'fault', message: `worker ${worker} answered with no load answer: ${answer}` };
    } catch (error) {
      reason = reasonOf(error);
    }
  }
  if (reason === 'aborted') return { ok: false, kind: 'aborted', message: 'the request was aborted' };
  return { ok: false, kind: 'unreachable', reason, message: `worker ${worker} cannot be reached: ${reason}` };
}
