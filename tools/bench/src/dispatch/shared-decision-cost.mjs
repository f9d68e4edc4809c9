import { adaptivePolicy } from '@gearshift/policies';
import { attachTracker, createTracker } from '@gearshift/tracker';
import { medianDifferenceNs, takeTurns } from '../take-turns.mjs';
import { createContext, createSlot, SAMPLES, teach, VIEWS, WORKS } from './policy-inputs.mjs';

/** More than the time between two reads of the data published by others. */
const LOOK_AGAIN_MS = 1000;

/**
 * D1: the cost of a decision when several threads learn together. The writers run on this thread, so that each has published
 * between two decisions and none waits for a processor. Only the decisions are timed, one by one, because the work between two
 * of them takes many times as long.
 */
export async function measureSharedDecisions({ rounds, perTurn, writerCounts }) {
  const rows = [];
  for (const writers of writerCounts) rows.push(await measureBeside(writers, { rounds, perTurn }));
  return {
    rows,
    table: {
      title: 'Adaptive decisions beside writers, each of which published since the one before, ns',
      columns: ['other writers', 'no look at the others', 'a look (once in 10 ms)', 'a look, nothing published'],
      rows: rows.map(({ writers, plainNs, lookingNs, idleLookNs }) => [writers, plainNs, lookingNs, idleLookNs]),
    },
  };
}

async function measureBeside(writers, { rounds, perTurn }) {
  const tracker = createTracker({ maxWriters: writers + 1 });
  const policy = shared(tracker);
  const others = Array.from({ length: writers }, () => {
    const attached = attachTracker(tracker.share());
    return { tracker: attached, policy: shared(attached) };
  });
  const views = VIEWS.resident;
  const context = createContext();
  const slot = createSlot();
  const publish = (i) => {
    for (const other of others) {
      other.policy.observe(SAMPLES[i & 7]);
      other.tracker.flush();
    }
  };
  const decide = (i) => policy.decide(WORKS[i & 3], views[i & 3], context, slot);
  const lookAgain = () => {
    context.nowMs += LOOK_AGAIN_MS;
  };
  const contestants = {
    timer: () => timeEach(publish, () => {}, perTurn),
    plain: () => timeEach(publish, decide, perTurn),
    looking: () => timeEach((i) => (publish(i), lookAgain()), decide, perTurn),
    idleLook: () => timeEach(lookAgain, decide, perTurn),
  };
  const timings = await takeTurns(
    Object.entries(contestants).map(([name, measure]) => ({ name, measure })),
    { rounds },
  );
  for (const other of others) other.tracker.close();
  tracker.close();
  const costOf = (name) => medianDifferenceNs(timings.get(name), timings.get('timer'));
  return { writers, plainNs: costOf('plain'), lookingNs: costOf('looking'), idleLookNs: costOf('idleLook') };
}

/** A trained policy that shares its learning with all others of the tracker. */
function shared(tracker) {
  const policy = adaptivePolicy();
  policy.share({ sums: (name) => tracker.sums(name) });
  teach(policy);
  tracker.flush();
  return policy;
}

/** Nanoseconds of one call of `run`, including the clock reading, with one call of `before` between two of them. */
function timeEach(before, run, count) {
  let totalNs = 0n;
  for (let i = 0; i < count; i++) {
    before(i);
    const startNs = process.hrtime.bigint();
    run(i);
    totalNs += process.hrtime.bigint() - startNs;
  }
  return Number(totalNs) / count;
}
