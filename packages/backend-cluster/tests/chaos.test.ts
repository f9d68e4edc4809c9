import { effort, seedOr } from '@gearshift/vitest-config/effort';
import { markChanged, type RunErrorKind } from '@gearshift/contracts';
import { createRandom, powerLawGraph } from '@gearshift/testing';
import { createClusterWorker, type ClusterWorker } from '@gearshift/backend-cluster';
import { expect, it } from 'vitest';
import { askCluster, someMatrix } from './ask-cluster.js';
import { answerOf, differenceOf, KINDS_OF_LOSSES, RightAnswers } from './chaos/answers.js';
import { QUESTIONS, questionsAboutGraph } from './chaos/questions.js';
import { SettledClock } from './settled-clock.js';
import { CLUSTER_NAME, sharedCpu, startCluster } from './start-cluster.js';

const QUERIES = effort({ test: 3000, ci: 100_000 });
const LIMIT_MS = effort({ test: 120_000, ci: 1_800_000 });
const WORKERS = 5;
/** What may happen to a request while workers fail. */
const ALLOWED: readonly (RunErrorKind | 'right')[] = ['right', ...KINDS_OF_LOSSES, 'aborted', 'out-of-memory', 'fault'];

it(
  `answers ${QUERIES} queries right or with a typed error while workers are killed, stopped, separated and started`,
  async () => {
    const seed = seedOr(2026);
    const random = createRandom(seed);
    const clock = new SettledClock();
    const started = await startCluster({ workers: WORKERS, clock, network: { seed }, backend: { timeoutMs: 1000 } });
    const { network, backend } = started;
    const cpu = await sharedCpu();
    const names = started.workers.map(({ name }) => name);
    const running = new Map<string, ClusterWorker>(started.workers.map((worker) => [worker.name, worker]));
    const matrices = [someMatrix(256, 1), someMatrix(500, 2), someMatrix(40, 3)];
    const graph = powerLawGraph({ nodes: 200, edgesPerNode: 3, seed: 4 });
    const graphQuestions = questionsAboutGraph(graph);
    const right = new RightAnswers(cpu);
    const heal: (() => void)[] = [];

    const start = async (name: string) => {
      const common = { name: CLUSTER_NAME, worker: name, backend: cpu, clock, maxBytes: 2 ** 20 };
      running.set(name, await createClusterWorker({ transport: network.connect(name), ...common }));
      network.setLink(name, { delayMs: 1, jitterMs: 1 });
    };
    const events: Readonly<Record<string, (name: string) => Promise<void> | void>> = {
      kill(name) {
        network.kill(name);
        running.delete(name);
      },
      async drain(name) {
        const worker = running.get(name);
        running.delete(name);
        if (worker !== undefined) await clock.advanceUntil(worker.drain());
      },
      pause(name) {
        network.pause(name);
        heal.push(() => running.has(name) && network.resume(name));
      },
      separate(name) {
        network.separate(['c0'], [name]);
        heal.push(() => network.heal());
      },
      slow(name) {
        network.setLink(name, { delayMs: 1 + random.integer(300), lossRate: 0.02, duplicateRate: 0.1 });
        heal.push(() => running.has(name) && network.setLink(name, { delayMs: 1 }));
      },
      disconnect() {
        network.disconnect('c0');
        heal.push(() => network.reconnect('c0'));
      },
      change() {
        const matrix = matrices[random.integer(matrices.length)];
        matrix.values.set(someMatrix(matrix.rows, random.integer(2 ** 30)).values);
        markChanged(matrix);
      },
    };
    const kinds = Object.keys(events);
    const outcomes = new Map<string, number>();
    const seen = new Map<string, number>();
    let longestMs = 0;
    for (let i = 0; i < QUERIES; i++) {
      if (random.integer(20) === 0) {
        const kind = kinds[random.integer(kinds.length)];
        const up = [...running.keys()];
        if (up.length > 1 || !['kill', 'drain'].includes(kind)) {
          await events[kind](up[random.integer(up.length)]);
          seen.set(kind, (seen.get(kind) ?? 0) + 1);
        }
      }
      if (random.integer(12) === 0) {
        for (const end of heal.splice(0)) end();
        for (const name of names) if (!running.has(name)) await start(name);
      }
      const controller = new AbortController();
      if (random.integer(25) === 0) clock.startTimer(random.integer(5), () => controller.abort());
      const matrix = matrices[random.integer(matrices.length)];
      const isGraph = random.integer(8) === 0;
      const at = random.integer(isGraph ? graphQuestions.length : QUESTIONS.length);
      const request = isGraph ? graphQuestions[at] : QUESTIONS[at](matrix);
      const startedAtMs = clock.nowMs();
      const answered = await clock.advanceUntil(answerOf(backend, request, controller.signal));
      const outcome = 'bits' in answered ? 'right' : answered.kind;
      if ('bits' in answered) {
        const name = isGraph ? `graph ${at}` : `${matrix.id} ${matrix.version} ${at}`;
        const difference = differenceOf(answered.bits, await right.to(name, request));
        expect(difference, `seed ${seed}, query ${i}: ${name}`).toBeUndefined();
      }
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      longestMs = Math.max(longestMs, clock.nowMs() - startedAtMs);
      if (random.integer(4) === 0) await clock.advance(random.integer(60));
    }
    const context = `seed ${seed}: ${JSON.stringify([...outcomes])}, ${JSON.stringify([...seen])}`;
    expect(
      [...outcomes.keys()].filter((outcome) => !(ALLOWED as readonly string[]).includes(outcome)),
      context,
    ).toEqual([]);
    expect(outcomes.get('right'), context).toBeGreaterThan(QUERIES * 0.8);
    expect(seen.size, context).toBe(kinds.length);

    for (const end of heal.splice(0)) end();
    for (const name of names) if (!running.has(name)) await start(name);
    await clock.advance(5000);
    for (const matrix of matrices) expect((await askCluster(clock, backend, matrix)).outcome, context).toBe('right');
    await clock.advanceUntil(backend.close());
    await clock.advance(100);
    // Nothing is left over: every generation of before was dropped, and no query is under way.
    for (const worker of running.values()) {
      expect(worker.describe(), context).toMatchObject({ underWay: 0 });
      await clock.advanceUntil(worker.close());
    }
    // Pieces have more time than queries.
    expect(longestMs, context).toBeLessThan(70_000);
  },
  LIMIT_MS,
);
