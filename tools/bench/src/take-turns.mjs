import { median } from './interleave.mjs';

/**
 * Like `interleave`, for contestants that time themselves, because they also do untimed work or run in another process.
 *
 * @typedef {{ name: string, measure: () => number | Promise<number> }} SelfTimed
 *   `measure` does one turn and gives the nanoseconds of one operation in it.
 * @param {readonly SelfTimed[]} contestants
 * @param {{ rounds: number }} options
 * @returns {Promise<Map<string, import('./interleave.mjs').Timing>>} by name
 */
export async function takeTurns(contestants, { rounds }) {
  const roundsNs = contestants.map(() => new Array(rounds).fill(0));
  for (const { measure } of contestants) for (let warmUp = 0; warmUp < 3; warmUp++) await measure();
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < contestants.length; place++) {
      const index = (place + round) % contestants.length;
      roundsNs[index][round] = await contestants[index].measure();
    }
  }
  return new Map(
    contestants.map(({ name }, index) => [
      name,
      { name, roundsNs: roundsNs[index], medianNs: median(roundsNs[index]), minNs: Math.min(...roundsNs[index]) },
    ]),
  );
}

/** Nanoseconds of one of `count` operations that `loop` does. */
export function timeLoop(loop, count) {
  const startNs = process.hrtime.bigint();
  loop(count);
  return Number(process.hrtime.bigint() - startNs) / count;
}

/** The median over the rounds of the difference between the first and the second: the cost of the work that only the first does. */
export function medianDifferenceNs(more, less) {
  return median(more.roundsNs.map((timeNs, round) => timeNs - less.roundsNs[round]));
}
