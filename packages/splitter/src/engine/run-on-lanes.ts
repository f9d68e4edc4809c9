import type { Result } from '@gearshift/contracts';
import type { Range } from '../done-ranges.js';
import type { ChunkError } from '../errors/chunk-error.js';
import type { CheckedRun } from './check-run-options.js';
import { ChunkRun, type EarlierRun } from './chunk-run.js';
import type { ChunkWork, RunSummary } from './chunk-work.js';
import type { LaneOptions } from './lane.js';
import { turnIfDue } from '../timers.js';
import { RunLimit } from './run-limit.js';

/** Runs the work on the lanes, the first of which is preferred, and resumes `earlier` where it is given. */
export async function runOnLanes<V, E, O>(
  work: ChunkWork<V, O>,
  lanes: readonly LaneOptions<V, E>[],
  run: CheckedRun,
  pending: readonly Range[],
  earlier?: EarlierRun,
): Promise<Result<RunSummary, ChunkError<E, O>>> {
  const limit = new RunLimit(run.signal, run.deadlineMs, run.clock, run.timers);
  try {
    return await new ChunkRun(work, lanes, run, limit, earlier).start(pending);
  } finally {
    limit.release();
    await turnIfDue(run.timers);
  }
}
