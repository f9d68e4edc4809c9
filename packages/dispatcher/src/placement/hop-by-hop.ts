import { prepareSpreadActivation, type PreparedSpreadActivation } from '@gearshift/contracts';
import type { ChunkLimits } from '@gearshift/splitter';
import { DONE, type DeviceTurn, type TurnEnd, type UnfinishedRun } from './device-turn.js';
import { runPieces } from './piece-run.js';
import { cutIntoPieces } from './pieces.js';

/**
 * Spreads hop after hop, each in pieces that fit the memory: a hop needs all nodes of the one before, so that several hops
 * cannot be cut at once. What is done of the last hop is done for good; of the others it is not worth keeping.
 */
export async function runHopByHop(
  turn: DeviceTurn,
  request: PreparedSpreadActivation,
  limits: ChunkLimits,
  unfinished: UnfinishedRun | undefined,
): Promise<TurnEnd> {
  const { operation, graph, hops, decay, retention, threshold } = request;
  // The output has the type that belongs to the request.
  const output = turn.job.output as Float32Array;
  let { activations } = request;
  if (hops === 0) output.set(activations);
  for (let hop = 1; hop <= hops; hop++) {
    const isLast = hop === hops;
    const step = prepareSpreadActivation({ operation, graph, activations, hops: 1, decay, retention, threshold });
    const result = isLast ? output : new Float32Array(graph.nodes);
    const predictedMs = turn.predictedMs / hops;
    const pieces = cutIntoPieces(step, result);
    const state = isLast ? { unfinished, hasFreed: false } : { hasFreed: false };
    const end = await runPieces({ ...turn, predictedMs, probe: turn.probe && hop === 1 }, pieces, limits, state);
    if (end.kind === 'partial' && !isLast) return { ...end, partial: NOTHING_DONE };
    if (end.kind !== 'done') return end;
    activations = result;
  }
  return DONE;
}

const NOTHING_DONE: UnfinishedRun = { total: 0, done: [], remaining: [] };
