import type { ItemRange } from '@gearshift/contracts';
import { CheckedPlacedMatrix } from '@gearshift/contracts/internal';
import { DoneRanges, type RunLimit } from '@gearshift/splitter/engine';
import type { Job } from '../attempts/job.js';
import type { Device } from '../devices/device.js';
import { ChunkedRun, type RunEnd, type UnfinishedRun } from './chunked-run.js';
import type { RunAttempts } from './run-attempts.js';

/**
 * After a request failed because some rows of a placed matrix cannot be reached: answers the others, so that the finished part has them
 * and a later run asks for the rest alone.
 *
 * @param end of the run; one with another end is returned as it is
 * @param earlier what was unfinished before it
 */
export async function runReachable(
  job: Job,
  device: Device,
  attempts: RunAttempts,
  limit: RunLimit,
  end: RunEnd,
  earlier: UnfinishedRun | undefined,
): Promise<RunEnd> {
  const isUnreachable = attempts.thrown === undefined && attempts.reports.at(-1)?.outcome === 'unreachable';
  if (end.ok || !isUnreachable || limit.reasonToStop() !== null) return end;
  const { batchSize: total } = job.work;
  const unfinished = end.partial ?? earlier;
  const done = new DoneRanges(unfinished?.done);
  const reachable = reachableItems(job, device, done.remaining(total));
  const before = done.count;
  for (const { start, end: to } of reachable) done.add(start, to);
  if (done.count === before || done.count === total) return end;
  const rest = await new ChunkedRun(job, [device], attempts, limit).run(unfinished, undefined, reachable);
  if (!rest.ok) return rest.partial === null ? end : rest;
  const partial = { total, done: done.toArray(), remaining: done.remaining(total) };
  return { ok: false, partial, isShortOfMemory: false };
}

/** The items, of some, that the device can answer now; none of a request that is not for a range of a placed matrix. */
function reachableItems({ request }: Job, { backend }: Device, items: readonly ItemRange[]): ItemRange[] {
  if (request.operation === 'spread-activation' || !CheckedPlacedMatrix.is(request.matrix)) return [];
  // Candidates are in any order, so that those within reach are in thousands of ranges.
  if (request.operation === 'top-k' && request.candidates !== undefined) return [];
  const { matrix, start: first } = request;
  const spans = backend.placed?.reachable(matrix) ?? [];
  return items.flatMap((item) =>
    spans
      .map(({ start, end }) => ({ start: Math.max(item.start, start - first), end: Math.min(item.end, end - first) }))
      .filter(({ start, end }) => start < end),
  );
}
