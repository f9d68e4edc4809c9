import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '@gearshift/contracts';
import type { Announcement } from '@gearshift/backend-cluster';
import { createRandom, type SeededRandom } from '@gearshift/testing';
import { answerOf, differenceOf, RightAnswers } from './answers.js';
import { Asker } from './asker.js';
import type { ChaosEvent } from './events.js';
import { Operands, OwnMatrix } from './operands.js';
import { shardBytes } from '../../src/messages/shard-spec.js';
import { COORDINATORS, DIMENSIONS, MAX_BYTES, PLACED, Stage, WORKERS, type PackageUnderTest } from './stage.js';
import { Tally } from './tally.js';

export interface ChaosOptions {
  readonly tested: PackageUnderTest;
  /** What is right. */
  readonly cpu: Backend;
  readonly servers: 1 | 3;
  readonly seed: number;
  /** It ends when so many are asked and each event has happened. */
  readonly queries: number;
  readonly events: Readonly<Record<string, ChaosEvent>>;
  /** The longest that most events last. */
  readonly longestMs: number;
  /** The longest time for a query about an operand of this process. */
  readonly boundMs: number;
  /** It ends early with so many violations. Default 20. */
  readonly mostViolations?: number;
}

export interface ChaosReport {
  readonly queries: number;
  readonly right: number;
  readonly slowestMs: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly events: Readonly<Record<string, number>>;
  readonly rare: Tally['rare'];
  readonly violations: readonly string[];
}

const ASKERS = 16;
/** More of them say nothing new. */
const MOST_VIOLATIONS = 20;
const LONG = 6;
const CHANGE_EVERY_MS = 250;
const RECOVERS_WITHIN_MS = 30_000;
/** A worker gives a load up that gets no piece for 30 seconds. */
const FREES_WITHIN_MS = 40_000;

/** Asks questions of all kinds while one event after the other makes things worse, then checks that all is well and nothing is left. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { tested, cpu, servers, seed, queries, boundMs } = options;
  const stage = await Stage.start(tested, servers);
  const tally = new Tally(stage.violations, options.mostViolations ?? MOST_VIOLATIONS);
  const operands = new Operands(DIMENSIONS);
  const right = new RightAnswers(cpu);
  try {
    let isOver = false;
    const untilOver = async (work: (random: SeededRandom) => Promise<unknown>, own: number) => {
      const random = createRandom(seed + own);
      while (!isOver && !tally.isSpoilt) await work(random);
    };
    const ask = (i: number) => {
      const own = new OwnMatrix(DIMENSIONS, seed + i);
      const draw = i === 0 ? own.draw.bind(own) : operands.draw.bind(operands);
      const asker = new Asker({ stage, tally, right, random: createRandom(seed + 100 + i), draw, boundMs });
      return untilOver(async () => (await asker.askOnce()) || sleep(1), i);
    };
    const asking = Array.from({ length: ASKERS }, (_, i) => ask(i));
    const changing = untilOver((random) => operands.change(random).then(() => sleep(CHANGE_EVERY_MS)), 50);
    const played = play(options, stage, tally, () => tally.queries >= queries || tally.isSpoilt).finally(() => {
      isOver = true;
    });
    await Promise.all([played, changing, ...asking]);
    if (!tally.isSpoilt) await expectRecovery(stage, operands, right);
    if (!tally.isSpoilt) await expectNothingHeld(stage);
  } finally {
    await stage.close();
    await operands[Symbol.asyncDispose]();
  }
  const { right: rightCount, slowestMs, outcomes, events, rare, violations } = tally;
  return {
    queries: tally.queries,
    right: rightCount,
    slowestMs: Math.round(slowestMs),
    outcomes: Object.fromEntries(outcomes),
    events: Object.fromEntries(events),
    rare,
    violations,
  };
}

/** One event after the other, each as often as the others; sometimes two at once. */
async function play(
  { events, seed, longestMs }: ChaosOptions,
  stage: Stage,
  tally: Tally,
  isEnough: () => boolean,
): Promise<void> {
  const random = createRandom(seed);
  const names = Object.keys(events);
  const companions = names.filter((name) => events[name].isCompanion === true);
  do {
    for (const name of shuffled(names, random)) {
      if (tally.isSpoilt) return;
      const second = companions.length === 0 ? name : companions[random.integer(companions.length)];
      const isAlone = events[name].isAlone === true || second === name || random.integer(3) > 0;
      const chosen = isAlone ? [name] : [name, second];
      tally.begin(
        chosen,
        chosen.flatMap((one) => events[one].kinds ?? []),
      );
      const heals = [];
      for (const one of chosen) heals.unshift(await events[one].begin(stage, random));
      // Some last so long that a worker counts as silent, or a connection as lost.
      await sleep(50 + random.integer(random.integer(10) === 0 ? LONG * longestMs : longestMs));
      for (const heal of heals) await heal();
      await stage.startMissingWorkers();
      tally.end();
      await sleep(random.integer(longestMs / 4));
      await replaceLostCopies(stage, random);
    }
  } while (!isEnough());
}

/** Loads the rows again: a new generation now, whatever copies are missing. */
async function replaceLostCopies(stage: Stage, random: SeededRandom): Promise<void> {
  const endsAtMs = performance.now() + RECOVERS_WITHIN_MS;
  while (performance.now() < endsAtMs) {
    const name = COORDINATORS[random.integer(2)];
    if ((await stage.place(name, random.integer(3), 5000)) !== undefined) return;
    await sleep(200);
  }
  stage.violations.push(`no rows could be placed within ${RECOVERS_WITHIN_MS} ms after all events had ended`);
}

/** Each question that does not change is answered rightly by both coordinators, soon after the last event. */
async function expectRecovery(stage: Stage, operands: Operands, right: RightAnswers): Promise<void> {
  const endsAtMs = performance.now() + RECOVERS_WITHIN_MS;
  for (const [name, backend] of stage.coordinators) {
    for (const question of operands.fixed) {
      const expected = await right.to(question.name, question.request);
      for (;;) {
        const answered = await answerOf(backend, question.request);
        const problem = 'bits' in answered ? differenceOf(answered.bits, expected) : answered.message;
        if (problem === undefined) break;
        if ('bits' in answered || performance.now() > endsAtMs) {
          stage.violations.push(`${name}, ${question.name}, after all events: ${problem}`);
          return;
        }
        await sleep(100);
      }
    }
  }
}

/** No query is under way, and the memory that a worker counts as taken is that of its shards. */
async function expectNothingHeld(stage: Stage): Promise<void> {
  stage.coordinator('c0').placed.drop(PLACED);
  const endsAtMs = performance.now() + FREES_WITHIN_MS;
  for (const name of WORKERS) {
    for (;;) {
      const said = await stage.workers.get(name)?.describe<Announcement>();
      const problem = said === undefined ? 'it does not answer' : describeLeftOver(said);
      if (problem === undefined) break;
      if (performance.now() > endsAtMs) {
        stage.violations.push(`${name}, after all events: ${problem}`);
        break;
      }
      await sleep(100);
    }
  }
}

function describeLeftOver({ underWay, freeBytes, shards }: Announcement): string | undefined {
  const held = shards.reduce((sum, spec) => sum + shardBytes(spec), 0);
  if (underWay > 0) return `${underWay} queries are under way`;
  return freeBytes + held === MAX_BYTES
    ? undefined
    : `${freeBytes} of ${MAX_BYTES} bytes are free with ${held} in shards`;
}

function shuffled<T>(values: readonly T[], random: SeededRandom): T[] {
  const ranks = new Map(values.map((value) => [value, random.next()]));
  return values.toSorted((a, b) => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0));
}
