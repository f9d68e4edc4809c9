import { setMaxListeners } from 'node:events';
import type { ShardSpec } from '../messages/shard-spec.js';
import type { Placement } from '../placement/placement.js';
import type { KnownWorker } from '../placement/worker-directory.js';
import { reasonOf } from '../transport/reason-of.js';
import { decodeAnswerHeader } from '../wire/answer.js';
import { encodeFrontierPiece, FRONTIER_HEADER_BYTES, type FrontierPiece } from '../wire/frontier-piece.js';
import type { QueryContext } from './query-context.js';
import { sendCancel } from './send-cancel.js';
import { FAILURES, type TurnFailure } from './turn-end.js';

/** Pieces to one worker that wait for their answer at the same time. */
const WINDOW = 4;

export interface SentFrontier {
  readonly id: number;
  /** Workers forget it, and what is still on its way is not sent. */
  readonly end: () => void;
}

/**
 * Sends activations that fit in no single message to the holders of all shards, in pieces. Resolves once one holder of each shard has
 * everything: a worker that hangs must not delay the others.
 */
export async function sendFrontier(
  context: QueryContext,
  placement: Placement,
  shards: readonly ShardSpec[],
  frontier: Float32Array,
  signal: AbortSignal | undefined,
): Promise<SentFrontier | TurnFailure> {
  const { directory, transport, subjects, nextId } = context;
  const id = nextId();
  const pieces = cutFrontier(frontier, id, transport.maxPayloadBytes, context.timeoutMs);
  const holdersOf = (spec: ShardSpec) => directory.holders(spec).filter(({ profile }) => profile === placement.profile);
  const holders = new Map(shards.map((spec) => [spec, holdersOf(spec)]));
  const workers = [...new Set([...holders.values()].flat())];
  const controller = new AbortController();
  // One for each piece on its way.
  setMaxListeners(0, controller.signal);
  const abort = () => controller.abort();
  signal?.addEventListener('abort', abort);
  const end = () => {
    signal?.removeEventListener('abort', abort);
    controller.abort();
    for (const { worker } of workers) sendCancel(transport, subjects.worker(worker, 'cancel'), id);
  };
  const ready = new Set<KnownWorker>();
  const hasAll = () => [...holders.values()].every((some) => some.some((worker) => ready.has(worker)));
  const failure = await new Promise<TurnFailure | undefined>((resolve) => {
    let last: TurnFailure = { kind: 'unreachable', message: 'no live worker holds some shards of the graph' };
    let missing = workers.length;
    for (const worker of workers) {
      void sendPieces(context, worker, pieces, controller.signal).then((failed) => {
        missing -= 1;
        if (failed === undefined) ready.add(worker);
        else last = failed;
        if (hasAll()) resolve(undefined);
        else if (missing === 0) resolve(last);
      });
    }
    if (missing === 0) resolve(last);
  });
  if (failure === undefined) return { id, end };
  end();
  return signal?.aborted === true ? { kind: 'aborted', message: 'the request was aborted' } : failure;
}

/** Pieces that have an activation other than 0. */
function cutFrontier(frontier: Float32Array, id: number, mostBytes: number, budgetMs: number): FrontierPiece[] {
  const step = Math.floor((mostBytes - FRONTIER_HEADER_BYTES) / 4);
  const starts = Array.from({ length: Math.ceil(frontier.length / step) }, (_, i) => i * step);
  const bits = new Uint32Array(frontier.buffer, frontier.byteOffset, frontier.length);
  const active = starts.filter((first) => bits.subarray(first, first + step).some((word) => word !== 0));
  const nodes = frontier.length;
  return active.map((first, index) => {
    const activations = frontier.subarray(first, Math.min(nodes, first + step));
    return { index, id, nodes, first, pieces: active.length, budgetMs, activations };
  });
}

async function sendPieces(
  { transport, subjects, timeoutMs }: QueryContext,
  { worker }: KnownWorker,
  pieces: readonly FrontierPiece[],
  signal: AbortSignal,
): Promise<TurnFailure | undefined> {
  let failure: TurnFailure | undefined;
  let next = 0;
  const send = async () => {
    while (failure === undefined && next < pieces.length) {
      const piece = encodeFrontierPiece(pieces[next++]);
      try {
        const bytes = await transport.ask(subjects.worker(worker, 'query'), piece, { timeoutMs, signal });
        const header = decodeAnswerHeader(bytes);
        if (typeof header === 'string') {
          failure ??= { kind: 'invalid-result', message: `worker ${worker}: ${header}` };
        } else if (header.status !== 'ok') {
          const message = `worker ${worker} answered '${header.status}' to activations`;
          failure ??= { kind: FAILURES[header.status], message };
        }
      } catch (error) {
        const reason = reasonOf(error);
        const kind = reason === 'timeout' ? 'timeout' : 'unreachable';
        failure ??= { kind, message: `worker ${worker} cannot be reached: ${reason}` };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(WINDOW, pieces.length) }, send));
  return failure;
}
