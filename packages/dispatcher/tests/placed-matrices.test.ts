import {
  createMatrix,
  createTopKOutput,
  prepareTopK,
  unwrap,
  type Backend,
  type DispatchPolicy,
  type OperationRequest,
  type TopKOutput,
} from '@gearshift/contracts';
import { adaptivePolicy, pinnedPolicy } from '@gearshift/policies';
import { createOracleBackend, createPlacingBackend, randomValues, type PlacingBackend } from '@gearshift/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { createDispatcher } from '../src/index.js';
import { listTracker, outcomesOf } from './dispatch-setup.js';

const [ROWS, DIMENSIONS] = [60, 3];
const rows = createMatrix(randomValues(ROWS * DIMENSIONS, 1), { dimensions: DIMENSIONS });
const query = randomValues(2 * DIMENSIONS, 2);

let remote: PlacingBackend;
beforeEach(() => {
  remote = createPlacingBackend();
  remote.files.set('rows', rows);
});

const place = async () =>
  unwrap(
    (await remote.placed?.place('corpus', { files: 'rows', rows: ROWS, dimensions: DIMENSIONS })) ?? expect.fail(),
  );

function setUp(
  backends: readonly Backend[] = [createOracleBackend('cpu'), remote],
  policy: DispatchPolicy = adaptivePolicy(),
) {
  const tracker = listTracker();
  return { tracker, dispatcher: createDispatcher({ backends, policy, tracker, verifyEveryNth: 1 }) };
}

/** What the rows themselves give. */
async function rightAnswer(options: object): Promise<TopKOutput> {
  const request = prepareTopK({ operation: 'top-k', query, queries: 2, matrix: rows, k: 7, ...options });
  const output = createTopKOutput(request);
  unwrap(await createOracleBackend().topK(request, output));
  return output;
}

describe('a request for a placed matrix', () => {
  it('runs on the device that has it, and is not verified on others', async () => {
    const matrix = await place();
    const { dispatcher, tracker } = setUp();
    for (let i = 0; i < 5; i++) {
      const { output, attempts } = unwrap(
        await dispatcher.run({ operation: 'top-k', query, queries: 2, matrix, k: 7 }),
      );
      expect(output).toMatchObject(await rightAnswer({}));
      expect(attempts.at(-1)?.backend).toBe('remote');
    }
    expect(tracker.attempts.filter(({ backend }) => backend === 'cpu')).toEqual([]);
  });

  it('is unsupported where the policy allows no device that has it', async () => {
    const matrix = await place();
    const { dispatcher } = setUp(undefined, pinnedPolicy('cpu'));
    const answer = await dispatcher.run({ operation: 'top-k', query, queries: 2, matrix, k: 7 });
    expect(answer.ok ? 'ok' : answer.error.kind).toBe('unsupported');
  });

  it('goes on to the only device that has it while its breaker is open, and is never unsupported there', async () => {
    const matrix = await place();
    const { dispatcher } = setUp();
    remote.lost = { start: 0, end: ROWS };
    const request = { operation: 'top-k', query, queries: 2, matrix, k: 7 } as const;
    for (let i = 0; i < 20; i++) {
      const answer = await dispatcher.run(request);
      expect(answer.ok ? 'ok' : answer.error.kind).toBe('unreachable');
    }
    expect(dispatcher.breaker('remote')?.state).not.toBe('closed');
    remote.lost = undefined;
    expect(unwrap(await dispatcher.run(request)).output).toMatchObject(await rightAnswer({}));
  });

  it('is unsupported where no device has it, and says where it is', async () => {
    const matrix = await place();
    const { dispatcher } = setUp([createOracleBackend('cpu')]);
    const request: OperationRequest = { operation: 'cosine-similarity', query, queries: 2, matrix };
    for (const answer of [await dispatcher.run(request), dispatcher.runSync(request)]) {
      expect(answer).toMatchObject({ ok: false, error: { kind: 'unsupported' } });
      expect(answer.ok || answer.error.message).toMatch(/not in this process, but placed as remote\/corpus/);
    }
    const both = setUp([createOracleBackend('cpu'), createPlacingBackend('other')]);
    const answer = await both.dispatcher.run(request);
    expect(answer.ok || answer.error.message).toMatch(/placed as remote\/corpus, which no device can reach/);
  });

  it('is refused by a backend that answers placed() with an error', async () => {
    const matrix = await place();
    const throwing: Backend = {
      ...remote,
      placed: {
        ...(remote.placed ?? expect.fail()),
        has() {
          throw new Error('no idea');
        },
      },
    };
    const { dispatcher } = setUp([createOracleBackend('cpu'), throwing]);
    const answer = await dispatcher.run({ operation: 'top-k', query, queries: 2, matrix, k: 7 });
    expect(answer.ok ? 'ok' : answer.error.kind).toBe('unsupported');
  });
});

describe('rows of a placed matrix that cannot be reached', () => {
  it.each([
    { name: 'at the start', lost: { start: 0, end: 20 }, options: {} },
    { name: 'in the middle, with a cut', lost: { start: 15, end: 16 }, options: { minScore: 0.2 } },
    { name: 'at the end of a range', lost: { start: 40, end: 60 }, options: { start: 10, end: 50 } },
  ])('are left to resume(), and the others ranked: $name', async ({ lost, options }) => {
    const matrix = await place();
    const { dispatcher } = setUp();
    const request = { operation: 'top-k', query, queries: 2, matrix, k: 7, ...options } as const;
    remote.lost = lost;
    const { start = 0, end = ROWS } = options as { start?: number; end?: number };
    const answer = await dispatcher.run(request);
    if (answer.ok) expect.fail('the rows were reached');
    const { kind, cause, attempts } = answer.error;
    const partial = answer.error.partial ?? expect.fail('there is no finished part');
    expect([kind, cause?.kind]).toEqual(['unreachable', 'unreachable']);
    expect(outcomesOf(attempts)[0]).toBe('remote unreachable');
    const missing = { start: Math.max(lost.start, start) - start, end: Math.min(lost.end, end) - start };
    expect(partial.remaining).toEqual([missing]);
    expect(partial.done.reduce((sum, span) => sum + span.end - span.start, 0)).toBe(
      end - start - (missing.end - missing.start),
    );

    const again = await dispatcher.resume(request, partial);
    expect(again).toMatchObject({ ok: false, error: { kind: 'unreachable' } });
    expect(again.ok || again.error.partial?.remaining).toEqual([missing]);
    remote.lost = { start: 0, end: ROWS };
    const none = await dispatcher.resume(request, partial);
    expect(none.ok || none.error.partial?.remaining).toEqual([missing]);
    remote.lost = undefined;
    const { output } = unwrap(await dispatcher.resume(request, partial));
    const { indices, scores, count } = await rightAnswer(options);
    expect(output).toMatchObject({ count });
    expect(output.indices.slice(0, 2 * count)).toEqual(indices.slice(0, 2 * count));
    expect(output.scores.slice(0, 2 * count)).toEqual(scores.slice(0, 2 * count));
  });

  it('give no finished part among candidates, or when there are no others', async () => {
    const matrix = await place();
    const { dispatcher } = setUp();
    remote.lost = { start: 0, end: 30 };
    const candidates = Uint32Array.of(3, 50, 7);
    const listed = await dispatcher.run({ operation: 'top-k', query, queries: 2, matrix, k: 2, candidates });
    expect(listed).toMatchObject({ ok: false, error: { kind: 'unreachable', partial: null } });
    const range = await dispatcher.run({ operation: 'top-k', query, queries: 2, matrix, k: 2, start: 5, end: 30 });
    expect(range).toMatchObject({ ok: false, error: { kind: 'unreachable', partial: null } });
  });

  it('are scored as NaN by nothing: the finished scores of the others are kept', async () => {
    const matrix = await place();
    const { dispatcher } = setUp();
    remote.lost = { start: 10, end: 20 };
    const request = { operation: 'cosine-similarity', query, queries: 2, matrix } as const;
    const answer = await dispatcher.run(request);
    if (answer.ok) expect.fail('the rows were reached');
    remote.lost = undefined;
    const { output } = unwrap(
      await dispatcher.resume(request, answer.error.partial ?? expect.fail('there is no finished part')),
    );
    const scores = new Float32Array(2 * ROWS);
    unwrap(await createOracleBackend().cosineSimilarity({ ...request, matrix: rows }, scores));
    expect(output).toEqual(scores);
  });
});
