import type { PreparedSpreadActivation } from '@gearshift/contracts';
import type { Failure } from '@gearshift/native-kit';
import type { Placement } from '../placement/placement.js';
import { askParts } from './ask-parts.js';
import { NO_FILTER } from './query-part.js';
import type { QueryContext } from './query-context.js';
import { roomOf } from './run-scan.js';
import { SlowestTimes } from './slowest-times.js';

/** Spreads hop by hop: all shards get the activations, and each computes those of its receiving nodes. */
export async function runSpread(
  context: QueryContext,
  placement: Placement,
  request: PreparedSpreadActivation,
  activations: Float32Array,
  output: Float32Array,
  signal: AbortSignal | undefined,
): Promise<SlowestTimes | Failure> {
  const { graph, hops, start, end, decay, retention, threshold } = request;
  const times = new SlowestTimes();
  const parts = placement.shardsIn(start, end).map((spec) => {
    const rows = { start: Math.max(start, spec.start), end: Math.min(end, spec.end) };
    const count = rows.end - rows.start;
    return { part: { spec, ...rows, filter: 'all', rows: NO_FILTER, considered: count } as const, count };
  });
  let frontier = activations;
  for (let hop = 0; hop < hops; hop++) {
    const head = {
      operation: 'spread-activation',
      metric: 'cosine',
      k: 0,
      queries: 1,
      dimensions: graph.nodes,
      numbers: frontier,
      decay,
      retention,
      threshold,
      start,
      end,
    } as const;
    const asked = await askParts(context, placement, head, parts, signal);
    if (!asked.ok) return context.failures.of(asked.failure.kind, asked.failure.message);
    times.add(asked.answers);
    // A range of nodes is for a single hop only, so that the next one has all of them.
    const target = hop === hops - 1 ? output : new Float32Array(graph.nodes);
    for (const answer of asked.answers) target.set(answer.scores, answer.start - start);
    frontier = target;
  }
  return times;
}

/** Why the activations of so many nodes do not fit in a message, if so. */
export function refuseNodes(nodes: number, maxPayloadBytes: number): string | undefined {
  const { queryBytes, answerBytes } = roomOf(maxPayloadBytes);
  const most = Math.floor(Math.min(queryBytes, answerBytes) / 4);
  return nodes <= most
    ? undefined
    : `a graph of more than ${most} nodes does not fit in a message of ${maxPayloadBytes} bytes`;
}
