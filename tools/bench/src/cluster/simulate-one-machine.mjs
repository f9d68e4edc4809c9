/**
 * The same query where all processes share the cores of one machine and four workers have the shards, as in the benchmark, to compare the
 * constants with what was measured. A job of a process runs to its end; processes with a job take turns on the cores.
 *
 * @param {import('./constants.mjs').Constants} constants
 * @param {{ shards: number, cores: number, workers: number }} machine
 * @returns {number} milliseconds, for the median of what one shard waits
 */
export function simulateOneMachine(constants, { shards, cores, workers }) {
  const { coordinatorUs, coordinatorShardUs, workerUs, workerShardUs, serverShardUs, oneShardUs } = constants;
  const median = oneShardUs.find(({ share }) => share === 0.5).us;
  // What one shard takes besides all the work that it causes: processes that wake up.
  const waitUs = Math.max(0, median - coordinatorUs - coordinatorShardUs - workerUs - serverShardUs);
  const processes = new Map();
  const ready = [];
  let nowUs = 0;
  let busyCores = 0;
  let doneUs = 0;
  const ends = [];
  const add = (name, us, then) => {
    if (!processes.has(name)) processes.set(name, { jobs: [], isRunning: false });
    const process = processes.get(name);
    process.jobs.push({ us, then });
    if (!process.isRunning && process.jobs.length === 1) ready.push(process);
  };
  const later = (us, then) => ends.push({ atUs: nowUs + us, then });
  const begun = new Set();
  const deliver = (shard) => {
    const worker = `w${shard % workers}`;
    const us = begun.has(worker) ? workerShardUs : workerUs;
    begun.add(worker);
    add(worker, us, () => add('server', serverShardUs / 2, () => later(waitUs / 2, gather)));
  };
  const gather = () => add('coordinator', coordinatorShardUs, () => (doneUs = nowUs));
  add('coordinator', coordinatorUs, () => {
    for (let shard = 0; shard < shards; shard++)
      add('server', serverShardUs / 2, () => later(waitUs / 2, () => deliver(shard)));
  });
  for (;;) {
    while (busyCores < cores && ready.length > 0) {
      const process = ready.shift();
      const { us, then } = process.jobs[0];
      process.isRunning = true;
      busyCores += 1;
      later(us, () => {
        busyCores -= 1;
        process.jobs.shift();
        process.isRunning = false;
        if (process.jobs.length > 0) ready.push(process);
        then();
      });
    }
    if (ends.length === 0) return doneUs / 1000;
    ends.sort((a, b) => b.atUs - a.atUs);
    const { atUs, then } = ends.pop();
    nowUs = atUs;
    then();
  }
}
