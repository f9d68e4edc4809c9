import { setTimeout as sleep } from 'node:timers/promises';
import { createCpuBackend } from '@gearshift/backend-cpu';
import { createClusterBackend, type ClusterBackend } from '@gearshift/backend-cluster';
import { createMatrix, unwrap, type Backend, type OperationRequest } from '@gearshift/contracts';
import { effort, tellCount, tellFigure } from '@gearshift/vitest-config/effort';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { answerOf, differenceOf, RightAnswers } from '../chaos/answers.js';
import { questionsAbout, valuesWithTies } from '../chaos/questions.js';
import { DIMENSIONS, NAME, Stage, WORKERS } from '../chaos/stage.js';
import { lacksServer, needs } from './server.js';

const TESTED = { entry: import.meta.resolve('@gearshift/backend-cluster'), createClusterBackend };
const KILLS = effort({ test: 1, ci: 20 });
const SEPARATIONS = effort({ test: 1, ci: 5 });
const SEPARATED_MS = 4000;
const ASKERS = 4;

interface Asked {
  readonly startedAtMs: number;
  readonly tookMs: number;
  /** Undefined where the answer is right. */
  readonly problem: string | undefined;
}

// With two copies of each shard, one worker is not missed. Times are reported and decide nothing: they are those of a machine that does
// other work as well.
describe.skipIf(lacksServer)(`one of five workers that is lost${needs}`, { timeout: 300_000 }, () => {
  let cpu: Backend;
  let stage: Stage;
  let backend: ClusterBackend;
  beforeAll(async () => {
    cpu = unwrap(await createCpuBackend({ threads: 1 }));
    stage = await Stage.start(TESTED, 1);
    const options = { servers: stage.urlsOf('observer'), tls: false, name: NAME } as const;
    backend = unwrap(await createClusterBackend({ ...options, leastWorkers: WORKERS.length, discoverMs: 20_000 }));
  });
  afterEach(() => expect(stage.violations).toEqual([]));
  afterAll(async () => {
    await backend.close();
    await stage.close();
    await cpu.close();
    expect(stage.violations).toEqual([]);
  });

  /** Asks until the work has ended, and a little longer. */
  async function askDuring(round: number, work: () => Promise<void>): Promise<Asked[]> {
    const matrix = createMatrix(valuesWithTies(600, DIMENSIONS, round), { dimensions: DIMENSIONS });
    const questions = questionsAbout(matrix);
    const right = new RightAnswers(cpu);
    const asked: Asked[] = [];
    let isOver = false;
    const ask = async (request: OperationRequest, name: string): Promise<void> => {
      const startedAtMs = performance.now();
      const answered = await answerOf(backend, request);
      const tookMs = performance.now() - startedAtMs;
      const problem =
        'bits' in answered
          ? differenceOf(answered.bits, await right.to(name, request))
          : `${answered.kind}: ${answered.message}`;
      asked.push({ startedAtMs, tookMs, problem });
    };
    // Each shard is on two workers before one is lost.
    unwrap(await backend.makeResident(matrix));
    const asking = Array.from({ length: ASKERS }, async (_, i) => {
      for (let at = i; !isOver; at += ASKERS)
        await ask(questions[at % questions.length], String(at % questions.length));
    });
    await sleep(500);
    await work();
    await sleep(500);
    isOver = true;
    await Promise.all(asking);
    backend.release(matrix);
    tellCount('R23', asked.length);
    return asked;
  }

  test(`is not missed when it is killed, ${KILLS} times`, async () => {
    const slowest: number[] = [];
    for (let round = 0; round < KILLS; round++) {
      const name = WORKERS[round % WORKERS.length];
      let killedAtMs = 0;
      const asked = await askDuring(round, async () => {
        killedAtMs = performance.now();
        await stage.workers.get(name)?.end('SIGKILL');
      });
      expect(asked.filter(({ problem }) => problem !== undefined)).toEqual([]);
      const hit = asked.filter(
        ({ startedAtMs, tookMs }) => startedAtMs < killedAtMs && startedAtMs + tookMs > killedAtMs,
      );
      slowest.push(...hit.map(({ tookMs }) => tookMs));
      await stage.startMissingWorkers();
    }
    tellFigure('R23', `slowest of ${slowest.length} queries under way at ${KILLS} kills, ms`, Math.max(...slowest));
  });

  test(`is not missed when it is separated for ${SEPARATED_MS} ms, ${SEPARATIONS} times`, async () => {
    const during: number[] = [];
    for (let round = 0; round < SEPARATIONS; round++) {
      const link = stage.links.get(WORKERS[round % WORKERS.length]);
      let [fromMs, untilMs] = [0, 0];
      const asked = await askDuring(100 + round, async () => {
        fromMs = performance.now();
        link?.stall('both');
        await sleep(SEPARATED_MS);
        untilMs = performance.now();
        link?.stall('nothing');
      });
      expect(asked.filter(({ problem }) => problem !== undefined)).toEqual([]);
      const isDuring = ({ startedAtMs, tookMs }: Asked) => startedAtMs + tookMs > fromMs && startedAtMs < untilMs;
      during.push(...asked.filter(isDuring).map(({ tookMs }) => tookMs));
    }
    during.sort((a, b) => a - b);
    const p99 = during[Math.ceil(during.length * 0.99) - 1];
    tellFigure('R23', `p99 of ${during.length} queries while a worker is separated for ${SEPARATED_MS} ms, ms`, p99);
  });
});
