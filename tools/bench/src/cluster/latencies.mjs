/** The value below which the share `quantile` of the values lies. */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/**
 * Times several contestants in turns, one operation after the other.
 *
 * @typedef {{ totalMs: number[], addedMs: number[], roundsP50: number[], addedP50: number[], cpuUs: number[], othersUs: Map<string, number> }} Timed
 *   `addedMs`: without what the operation says that it computed; `cpuUs`: CPU time of this process for one operation, by round;
 *   `othersUs`: the same of other processes over all rounds
 * @param {readonly { name: string, run: () => Promise<number>, perTurn: number }[]} contestants `run` gives the milliseconds that were computed
 * @param {{ rounds: number, warmUpMs?: number, others?: Record<string, () => number> }} options `warmUpMs`: so long each of them runs before,
 *   because V8 compiles only what has run often; `others`: CPU time that other processes have used, in microseconds
 * @returns {Promise<Map<string, Timed>>}
 */
export async function timeInTurns(contestants, { rounds, warmUpMs = 0, others = {} }) {
  const timed = new Map(contestants.map(({ name }) => [name, emptyTimes(Object.keys(others))]));
  for (const { run, perTurn } of contestants) {
    const endMs = performance.now() + warmUpMs;
    for (let i = 0; i < perTurn || performance.now() < endMs; i++) await run();
  }
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < contestants.length; place++) {
      const { name, run, perTurn } = contestants[(place + round) % contestants.length];
      await timeTurn(timed.get(name), run, perTurn, others);
    }
  }
  for (const times of timed.values())
    for (const [other, us] of times.othersUs) times.othersUs.set(other, us / times.totalMs.length);
  return timed;
}

function emptyTimes(others) {
  const othersUs = new Map(others.map((other) => [other, 0]));
  return { totalMs: [], addedMs: [], roundsP50: [], addedP50: [], cpuUs: [], othersUs };
}

async function timeTurn(times, run, perTurn, others) {
  // The caches are those of another contestant.
  for (let i = 0; i < WARM_UP; i++) await run();
  const before = Object.entries(others).map(([other, read]) => [other, read()]);
  const cpu = process.cpuUsage();
  const [total, added] = [[], []];
  for (let i = 0; i < perTurn; i++) {
    const startedAtMs = performance.now();
    const computedMs = await run();
    const tookMs = performance.now() - startedAtMs;
    total.push(tookMs);
    added.push(Math.max(0, tookMs - computedMs));
  }
  const { user, system } = process.cpuUsage(cpu);
  times.cpuUs.push((user + system) / perTurn);
  for (const [other, us] of before) times.othersUs.set(other, times.othersUs.get(other) + others[other]() - us);
  times.totalMs.push(...total);
  times.addedMs.push(...added);
  times.roundsP50.push(quantile(total, 0.5));
  times.addedP50.push(quantile(added, 0.5));
}

const WARM_UP = 3;

/** The median over the rounds of the ratio of medians within a round. */
export function ratioOfRounds(more, less) {
  return quantile(
    more.map((value, round) => value / less[round]),
    0.5,
  );
}

/** The line of least squares through points of `[x, y]`. */
export function lineThrough(points) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(([at]) => at)), mean(points.map(([, value]) => value))];
  const slope =
    points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0) /
    points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  return { slope, intercept: y - slope * x };
}
