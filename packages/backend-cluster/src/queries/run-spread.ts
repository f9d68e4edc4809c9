import type { PreparedSpreadActivation } from '@gearshift/contracts';
import type { Failure } from '@gearshift/native-kit';
import type { Placement } from '../placement/placement.js';
import { WIRE_LIMITS } from '../wire/wire-limits.js';
import { askParts, type CountedPart } from './ask-parts.js';
import { formOf, storedForm, type FrontierForm } from './frontier-form.js';
import { NO_FILTER } from './query-part.js';
import type { QueryContext } from './query-context.js';
import { roomOf } from './run-scan.js';
import { sendFrontier } from './send-frontier.js';
import { SlowestTimes } from './slowest-times.js';
import type { TurnFailure } from './turn-end.js';

/** Spreads hop by hop: all shards get the activations, and each computes those of its receiving nodes. */
export async function runSpread(
  context: QueryContext,
  placement: Placement,
  request: PreparedSpreadActivation,
  activations: Float32Array,
  output: Float32Array,
  signal: AbortSignal | undefined,
): Promise<SlowestTimes | Failure> {
  const { graph, hops, start, end } = request;
  const { queryBytes, answerBytes } = roomOf(context.transport.maxPayloadBytes);
  const times = new SlowestTimes();
  const parts = cutNodes(placement, start, end, Math.floor(answerBytes / 4));
  const shards = placement.shardsIn(start, end);
  const fail = ({ kind, message }: TurnFailure) => context.failures.of(kind, message);
  let frontier = activations;
  for (let hop = 0; hop < hops; hop++) {
    const form = formOf(frontier, queryBytes);
    const sent = form === undefined ? await sendFrontier(context, placement, shards, frontier, signal) : undefined;
    if (sent !== undefined && 'kind' in sent) return fail(sent);
    const head = headOf(request, form ?? storedForm(sent?.id ?? 0));
    const asked = await askParts(context, placement, head, parts, signal);
    sent?.end();
    if (!asked.ok) return fail(asked.failure);
    times.add(asked.answers);
    // A range of nodes is for a single hop only, so that the next one has all of them.
    const target = hop === hops - 1 ? output : new Float32Array(graph.nodes);
    for (const answer of asked.answers) target.set(answer.scores, answer.header.start - start);
    frontier = target;
  }
  return times;
}

/** Why a graph of so many nodes cannot be asked, if so. */
export function refuseNodes(nodes: number): string | undefined {
  return nodes <= WIRE_LIMITS.nodes ? undefined : `a graph of more than ${WIRE_LIMITS.nodes} nodes`;
}

/** Nodes of each shard, so few that their answer fits in a message. */
function cutNodes(placement: Placement, start: number, end: number, mostNodes: number): CountedPart[] {
  return placement.shardsIn(start, end).flatMap((spec) => {
    const parts: CountedPart[] = [];
    const last = Math.min(end, spec.end);
    for (let from = Math.max(start, spec.start); from < last; from += mostNodes) {
      const to = Math.min(last, from + mostNodes);
      const count = to - from;
      parts.push({ part: { spec, start: from, end: to, filter: 'all', rows: NO_FILTER, considered: count }, count });
    }
    return parts;
  });
}

function headOf(
  { graph, start, end, decay, retention, threshold }: PreparedSpreadActivation,
  { filter, rows, numbers }: FrontierForm,
) {
  return {
    operation: 'spread-activation',
    metric: 'cosine',
    k: 0,
    queries: 1,
    dimensions: graph.nodes,
    numbers,
    decay,
    retention,
    threshold,
    start,
    end,
    filter,
    rows,
  } as const;
}
