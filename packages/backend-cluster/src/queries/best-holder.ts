import type { ShardSpec } from '../messages/shard-spec.js';
import type { Placement } from '../placement/placement.js';
import type { KnownWorker } from '../placement/worker-directory.js';
import type { QueryContext } from './query-context.js';

/** The holder of a shard with the least to do, of those that were not asked and compute as the placement says. */
export function bestHolder(
  { directory }: QueryContext,
  { profile }: Placement,
  spec: ShardSpec,
  asked: ReadonlySet<KnownWorker>,
): KnownWorker | undefined {
  const isNext = (worker: KnownWorker) => worker.profile === profile && !asked.has(worker);
  const holders = directory.holders(spec).filter(isNext);
  const burden = (worker: KnownWorker) => (directory.isSuspect(worker) ? 1e6 : 0) + worker.underWay;
  return holders.length === 0 ? undefined : holders.reduce((best, one) => (burden(one) < burden(best) ? one : best));
}
