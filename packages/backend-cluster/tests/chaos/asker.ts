import { setTimeout as sleep } from 'node:timers/promises';
import { RowSet, type PartialAnswer, type PlacedMatrix, type TopKOutput, type TopKRequest } from '@gearshift/contracts';
import type { SeededRandom } from '@gearshift/testing';
import type { ClusterBackend } from '@gearshift/backend-cluster';
import { answerOf, bitsOfRanking, differenceOf, type Answered, type RightAnswers } from './answers.js';
import type { Question } from './operands.js';
import { dispatcherOf } from './placed-dispatcher.js';
import { RANKINGS, type Ranking } from './questions.js';
import { COORDINATORS, PLACED, TIMEOUT_MS, type Stage } from './stage.js';
import type { Tally } from './tally.js';

/** An operand may have to be sent again, and a piece of it three times, each after ten seconds. */
export const BOUND_MS = 75_000;
/** A placed matrix is not sent: each of its gaps may take the time of one query. */
const PLACED_BOUND_MS = 4 * TIMEOUT_MS + 8000;
/** Failures come at once while the connection is lost, and would make up the count. */
const PAUSE_MS = 20;
const RESUMES = 3;

export interface AskerParts {
  readonly stage: Stage;
  readonly tally: Tally;
  readonly right: RightAnswers;
  readonly random: SeededRandom;
  readonly draw: (random: SeededRandom) => Question;
  /** Of queries about operands of this process. */
  readonly boundMs: number;
}

/** Asks one question after the other, of any kind, and judges each answer. */
export class Asker {
  readonly #parts: AskerParts;
  #oldHandle: PlacedMatrix | undefined;

  constructor(parts: AskerParts) {
    this.#parts = parts;
  }

  /** @returns false where it could not ask */
  async askOnce(): Promise<boolean> {
    const { random, stage } = this.#parts;
    const name = COORDINATORS[random.integer(10) < 7 ? 0 : 1];
    const backend = stage.coordinators.get(name);
    if (backend === undefined) return false;
    return await (random.integer(4) === 0 ? this.#askPlaced(backend) : this.#askOperand(backend));
  }

  async #askOperand(backend: ClusterBackend): Promise<boolean> {
    const { random, draw, right, boundMs } = this.#parts;
    const question = draw(random);
    const { signal, end } = this.#maybeAborted();
    try {
      const startedAtMs = performance.now();
      const answered = await this.#bounded(question.name, answerOf(backend, question.request, signal), boundMs);
      if (answered === undefined) return false;
      const expected = 'bits' in answered ? await right.to(question.name, question.request) : undefined;
      return await this.#judge(question.name, answered, expected, startedAtMs, signal);
    } finally {
      end();
      question.end();
    }
  }

  async #askPlaced(backend: ClusterBackend): Promise<boolean> {
    const { random } = this.#parts;
    const newest = backend.placed.find(PLACED);
    const handle = random.integer(5) === 0 && this.#oldHandle !== undefined ? this.#oldHandle : newest;
    if (handle === undefined) return false;
    if (random.integer(20) === 0) this.#oldHandle = newest;
    const i = random.integer(RANKINGS.length);
    const ranking = RANKINGS[i](handle);
    const { signal, end } = this.#maybeAborted();
    try {
      const what = `placed ${handle.rows} ${i}`;
      const startedAtMs = performance.now();
      const asked = dispatcherOf(backend).run(requestOf(handle, ranking), undefined, { signal });
      const answer = await this.#bounded(what, asked, PLACED_BOUND_MS);
      if (answer === undefined) return false;
      if (answer.ok) {
        if (handle.version !== newest?.version) this.#parts.tally.rare.oldHandle += 1;
        const bits = bitsOfRanking(answer.value.output, ranking.queries ?? 1);
        return await this.#judge(what, { bits }, await this.#rightRanking(handle, ranking, what), startedAtMs, signal);
      }
      await this.#judge(what, answer.error, undefined, startedAtMs, signal);
      const partial = answer.error.partial as PartialAnswer<TopKOutput> | null;
      if (partial !== null) await this.#resume(backend, handle, ranking, what, partial);
      return false;
    } finally {
      end();
    }
  }

  /** The rows of a partial answer are ranked rightly, and so are all rows once the others can be reached again. */
  async #resume(
    backend: ClusterBackend,
    handle: PlacedMatrix,
    ranking: Ranking,
    what: string,
    first: PartialAnswer<TopKOutput>,
  ): Promise<void> {
    let partial = first;
    for (let attempt = 0; attempt < RESUMES; attempt++) {
      await this.#judgePartial(handle, ranking, what, partial);
      await sleep(this.#parts.random.integer(500));
      const startedAtMs = performance.now();
      const resuming = dispatcherOf(backend).resume(requestOf(handle, ranking), partial);
      const resumed = await this.#bounded(what, resuming, PLACED_BOUND_MS);
      if (resumed === undefined) return;
      if (resumed.ok) {
        const bits = bitsOfRanking(resumed.value.output, ranking.queries ?? 1);
        const expected = await this.#rightRanking(handle, ranking, what);
        this.#parts.tally.rare.resumed += 1;
        await this.#judge(`${what}, resumed`, { bits }, expected, startedAtMs, undefined);
        return;
      }
      await this.#judge(`${what}, resumed`, resumed.error, undefined, startedAtMs, undefined);
      if (resumed.error.partial === null) return;
      partial = resumed.error.partial as PartialAnswer<TopKOutput>;
    }
  }

  async #judgePartial(
    handle: PlacedMatrix,
    ranking: Ranking,
    what: string,
    { output, done }: PartialAnswer<TopKOutput>,
  ): Promise<void> {
    const first = ranking.start ?? 0;
    const { where } = ranking;
    const isDone = (row: number) => done.some(({ start, end }) => row >= first + start && row < first + end);
    const isWanted = (row: number) => where === undefined || ((where.words[row >>> 5] >>> (row & 31)) & 1) === 1;
    const rows = RowSet.fromPredicate(handle.rows, (row) => isDone(row) && isWanted(row));
    const expected = await this.#rightRanking(
      handle,
      { ...ranking, where: rows },
      `${what} of ${JSON.stringify(done)}`,
    );
    const difference = differenceOf(bitsOfRanking(output, ranking.queries ?? 1), expected);
    this.#parts.tally.rare.partial += 1;
    if (difference !== undefined) this.#parts.tally.violate(`${what}, the rows ${JSON.stringify(done)}: ${difference}`);
  }

  #rightRanking(handle: PlacedMatrix, ranking: Ranking, name: string): Promise<Uint32Array> {
    const { stage, right } = this.#parts;
    return right.to(name, { operation: 'top-k', matrix: stage.rowsOf(handle), ...ranking });
  }

  /** @returns whether the answer is right */
  async #judge(
    what: string,
    answered: Answered,
    expected: Uint32Array | undefined,
    startedAtMs: number,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { tally } = this.#parts;
    if (!('bits' in answered)) {
      tally.noteFailure(what, answered.kind, answered.message, startedAtMs, signal?.aborted === true);
      await sleep(PAUSE_MS);
      return false;
    }
    const difference =
      expected === undefined ? 'there is nothing to compare with' : differenceOf(answered.bits, expected);
    if (difference !== undefined) tally.violate(`${what}: wrong: ${difference}`);
    tally.noteRight(startedAtMs);
    return difference === undefined;
  }

  /** Undefined if it throws or does not end in time, which is a violation. */
  async #bounded<T>(what: string, asked: Promise<T>, boundMs: number): Promise<T | undefined> {
    const { tally } = this.#parts;
    const end = new AbortController();
    const late = sleep(boundMs, 'late' as const, { signal: end.signal }).catch(() => 'ended' as const);
    try {
      const first = await Promise.race([asked.then((value) => ({ value })), late]);
      if (typeof first === 'object') return first.value;
      tally.violate(`${what}: no answer after ${boundMs} ms`);
    } catch (error) {
      tally.violate(`${what}: threw ${String((error as Error).stack)}`);
    } finally {
      end.abort();
    }
    return undefined;
  }

  #maybeAborted(): { readonly signal: AbortSignal | undefined; readonly end: () => void } {
    const { random } = this.#parts;
    if (random.integer(25) > 0) return { signal: undefined, end: () => {} };
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), random.integer(15));
    return { signal: controller.signal, end: () => clearTimeout(timer) };
  }
}

function requestOf(matrix: PlacedMatrix, ranking: Ranking): TopKRequest {
  return { operation: 'top-k', matrix, ...ranking };
}
