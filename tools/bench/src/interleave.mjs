/**
 * Times several contestants in one process, in turns: every round gives each of them one turn, in rotating order, so that a
 * change of clock rate or a noisy neighbour affects all equally. A single time is not stable on a shared machine, but the ratio
 * of two contestants of one call is (`medianRatio`).
 *
 * @typedef {{ name: string, run: () => unknown, perTurn?: number }} Contestant
 *   `run` does one operation; when it returns a promise, every operation is awaited before the next starts.
 *   `perTurn` fixes how many operations a turn runs; left out, it is chosen so that a turn lasts about `turnMs`.
 * @typedef {{ name: string, perTurn: number, roundsNs: number[], medianNs: number, minNs: number }} Timing
 *   Nanoseconds for one operation; `roundsNs[i]` belongs to round i, the same round for all contestants.
 *
 * @param {readonly Contestant[]} contestants
 * @param {{ rounds?: number, turnMs?: number }} [options] at least 3 rounds; defaults: 21 rounds, turns of 10 ms
 * @returns {Promise<Timing[]>} in the order of the contestants
 */
export async function interleave(contestants, { rounds = 21, turnMs = 10 } = {}) {
  if (!(rounds >= 3)) throw new RangeError(`rounds: expected at least 3, got ${rounds}`);
  const entries = [];
  for (const contestant of contestants) {
    const first = contestant.run();
    const turn = isAsync(first) ? turnOfPromises : turnOfCalls;
    await first;
    const perTurn = contestant.perTurn ?? (await choosePerTurn(contestant.run, turn, turnMs));
    entries.push({ name: contestant.name, run: contestant.run, turn, perTurn, roundsNs: new Array(rounds).fill(0) });
  }
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < entries.length; place++) {
      const entry = entries[(place + round) % entries.length];
      entry.roundsNs[round] = (await entry.turn(entry.run, entry.perTurn)) / entry.perTurn;
    }
  }
  return entries.map(({ name, perTurn, roundsNs }) => ({
    name,
    perTurn,
    roundsNs,
    medianNs: median(roundsNs),
    minNs: Math.min(...roundsNs),
  }));
}

/**
 * How many times slower `slower` is than `faster`: the median over the rounds of the ratio within one round.
 *
 * @param {Timing} slower
 * @param {Timing} faster
 */
export function medianRatio(slower, faster) {
  return median(slower.roundsNs.map((timeNs, round) => timeNs / faster.roundsNs[round]));
}

/** @param {readonly number[]} values at least one */
export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function isAsync(outcome) {
  return typeof outcome?.then === 'function';
}

async function choosePerTurn(run, turn, turnMs) {
  // Doubling also warms the contestant up, so that the first measured round is compiled code.
  for (let perTurn = 1; ; perTurn *= 2) {
    const tookNs = await turn(run, perTurn);
    if (tookNs >= (turnMs * 1e6) / 2) return Math.max(1, Math.round((perTurn * turnMs * 1e6) / tookNs));
  }
}

function turnOfCalls(run, count) {
  const startNs = process.hrtime.bigint();
  for (let i = 0; i < count; i++) run();
  return Number(process.hrtime.bigint() - startNs);
}

async function turnOfPromises(run, count) {
  const startNs = process.hrtime.bigint();
  for (let i = 0; i < count; i++) await run();
  return Number(process.hrtime.bigint() - startNs);
}
