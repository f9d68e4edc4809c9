import { createRandom } from '../random.mjs';

/**
 * A query to many shards on as many machines, as a sum of measured costs. The coordinator writes one message; the server hands it out, to one
 * worker after the other; each worker takes as long as one that was measured alone, drawn at random; the server and the coordinator take the
 * answers one after the other, in the order in which they come. Scans take no time: add that of the slowest shard.
 *
 * @typedef {object} Scenario
 * @property {number} shards
 * @property {boolean} [hedges] asks another worker of a shard after the 95th percentile of its latencies, not before 5 ms
 * @property {{ share: number, ms: number }} [stragglers] so many workers answer so much later, each time others
 * @property {boolean} [mergers] workers between the coordinator and the shards merge the answers of their share, about a square root of them
 *
 * @param {import('./constants.mjs').Constants} constants
 * @param {Scenario} scenario
 * @returns {{ p50Ms: number, p99Ms: number, hedges: number }} `hedges`: shards of a query that are asked again, on average
 */
export function simulate(constants, scenario) {
  const draw = createRandom(SEED);
  const queries = Math.max(LEAST_QUERIES, Math.ceil(MOST_DRAWS / scenario.shards));
  const hedgeUs = scenario.hedges === true ? slowChainUs(constants, scenario, draw) : Infinity;
  const run = { constants, scenario, hedgeUs, draw, hedges: 0 };
  const latencies = Float64Array.from({ length: queries }, () => queryUs(run)).sort();
  const at = (share) => latencies[Math.floor(share * queries)] / 1000;
  return { p50Ms: at(0.5), p99Ms: at(0.99), hedges: run.hedges / queries };
}

const SEED = 20;
const LEAST_QUERIES = 400;
const MOST_DRAWS = 100_000;
const HEDGE_FLOOR_US = 5000;
const NO_STRAGGLERS = { share: 0, ms: 0 };

function queryUs(run) {
  const { constants, scenario } = run;
  const { shards, mergers = false } = scenario;
  if (!mergers) return askShardsUs(run, shards);
  const groups = Math.ceil(Math.sqrt(shards));
  const arrivals = Float64Array.from({ length: groups }, (_, group) => {
    const share = Math.floor(((group + 1) * shards) / groups) - Math.floor((group * shards) / groups);
    return sentUs(constants, group) + chainUs(constants, run.draw) + askShardsUs(run, share);
  });
  return gatherUs(constants, arrivals, []);
}

/** How long it takes to ask so many shards. */
function askShardsUs(run, shards) {
  const { constants, scenario, hedgeUs, draw } = run;
  const { stragglers = NO_STRAGGLERS } = scenario;
  const takeUs = () => answerUs(constants, stragglers, draw);
  const hedgedAt = [];
  const arrivals = Float64Array.from({ length: shards }, (_, shard) => {
    const sentAt = sentUs(constants, shard);
    const first = sentAt + takeUs();
    const hedgeAt = Math.max(HEDGE_FLOOR_US, sentAt + hedgeUs);
    if (first <= hedgeAt) return first;
    hedgedAt.push(hedgeAt);
    return Math.min(first, hedgeAt + constants.coordinatorUs + takeUs());
  });
  run.hedges += hedgedAt.length;
  return gatherUs(constants, arrivals, hedgedAt);
}

/** When the server has handed the message out to a shard. */
function sentUs({ coordinatorUs, serverShardUs }, shard) {
  return coordinatorUs + ((shard + 1) * serverShardUs) / 2;
}

/** When the coordinator has taken the last answer. It asks again for a shard as it asks for the whole, which is more than that costs. */
function gatherUs({ serverShardUs, coordinatorShardUs, coordinatorUs }, arrivals, hedgedAt) {
  arrivals.sort();
  let next = 0;
  let server = 0;
  let coordinator = 0;
  for (const arrival of arrivals) {
    server = Math.max(server, arrival) + serverShardUs / 2;
    for (; next < hedgedAt.length && hedgedAt[next] <= Math.max(coordinator, server); next++) {
      coordinator = Math.max(coordinator, hedgedAt[next]) + coordinatorUs;
    }
    coordinator = Math.max(coordinator, server) + coordinatorShardUs;
  }
  return coordinator;
}

function answerUs(constants, stragglers, draw) {
  return chainUs(constants, draw) + (draw() < stragglers.share ? 1000 * stragglers.ms : 0);
}

/** The 95th percentile of the answers of a shard. */
function slowChainUs(constants, { stragglers = NO_STRAGGLERS }, draw) {
  const answers = Float64Array.from({ length: 2000 }, () => answerUs(constants, stragglers, draw)).sort();
  return answers[Math.floor(0.95 * answers.length)];
}

/** What one shard adds, without what the coordinator and the server do for it, which is counted besides. */
function chainUs({ oneShardUs, coordinatorUs, coordinatorShardUs, serverShardUs }, draw) {
  const share = draw();
  const above = oneShardUs.findIndex((quantile) => quantile.share > share);
  const [first, last] = [oneShardUs[0], oneShardUs[oneShardUs.length - 1]];
  let us = above < 0 ? last.us : first.us;
  if (above > 0) {
    const [low, high] = [oneShardUs[above - 1], oneShardUs[above]];
    us = low.us + ((share - low.share) / (high.share - low.share)) * (high.us - low.us);
  }
  return Math.max(0, us - coordinatorUs - coordinatorShardUs - serverShardUs);
}
