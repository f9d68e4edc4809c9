/**
 * Chooses the holders of shards by rendezvous hashing with bounded loads: each shard ranks all workers by a hash of both, and takes the
 * first ones that have room. A worker that comes or goes moves few shards, and no worker gets more than its share.
 *
 * Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998; Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing
 * with bounded loads", 2018.
 *
 * @param workers at least one
 * @returns for each shard `replicas` workers, or all if there are fewer
 */
export function chooseHolders(
  key: string,
  shards: number,
  workers: readonly string[],
  replicas: number,
): readonly (readonly string[])[] {
  const copies = Math.min(replicas, workers.length);
  const mostShards = shardsPerWorker(shards, workers.length, copies);
  const loads = new Map(workers.map((worker) => [worker, 0]));
  return Array.from({ length: shards }, (_, shard) => {
    const ranked = rankWorkers(key, shard, workers);
    const hasRoom = (worker: string) => (loads.get(worker) ?? 0) < mostShards;
    // Where too few have room, the least loaded ones take more.
    const full = ranked.filter((worker) => !hasRoom(worker)).sort((a, b) => (loads.get(a) ?? 0) - (loads.get(b) ?? 0));
    const chosen = [...ranked.filter(hasRoom), ...full].slice(0, copies);
    for (const worker of chosen) loads.set(worker, (loads.get(worker) ?? 0) + 1);
    return chosen;
  });
}

/** The share of each worker. */
export function shardsPerWorker(shards: number, workers: number, replicas: number): number {
  return Math.ceil((shards * Math.min(replicas, workers)) / workers);
}

/** The workers in the order in which a shard prefers them. */
export function rankWorkers(key: string, shard: number, workers: readonly string[]): string[] {
  const weights = new Map(workers.map((worker) => [worker, hash(`${key}/${shard}/${worker}`)]));
  return workers.toSorted((a, b) => (weights.get(b) ?? 0) - (weights.get(a) ?? 0) || (a < b ? -1 : 1));
}

/** FNV-1a with the finisher of MurmurHash3, which spreads names that differ in one letter. */
function hash(text: string): number {
  let state = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x0100_0193);
  state = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2_ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
