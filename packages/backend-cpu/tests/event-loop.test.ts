import { createMatrix, createTopKOutput, prepareTopK, unwrap } from '@gearshift/contracts';
import { expect, test } from 'vitest';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

const ROWS = 80_000;
const DIMENSIONS = 512;

/** Turns of the event loop from the start of the work until its promise settles. */
async function countTurns(work: () => Promise<unknown>, onTurn = (_turns: number): void => {}): Promise<number> {
  let turns = 0;
  let isOver = false;
  const turn = () => {
    if (isOver) return;
    turns += 1;
    onTurn(turns);
    setImmediate(turn);
  };
  // Before the work, so that even work that yields a single time lets one turn be counted.
  setImmediate(turn);
  await work();
  isOver = true;
  return turns;
}

describeAddon('event loop with the native backend', () => {
  test('turns while a long request runs and while its copy is created', async () => {
    const backend = await createNativeBackend();
    const matrix = createMatrix(new Float32Array(ROWS * DIMENSIONS).fill(1), { dimensions: DIMENSIONS });
    // 160 MB at the speed of memory are several slices.
    expect(await countTurns(() => backend.makeResident(matrix).then(unwrap))).toBeGreaterThan(0);
    // So long that it is still under way after these turns, even if a busy machine keeps this thread waiting: that ends it.
    const queries = 4000;
    const query = new Float32Array(queries * DIMENSIONS).fill(1);
    const request = prepareTopK({ operation: 'top-k', matrix, query, queries, k: 1 });
    const abort = new AbortController();
    const answered = async () =>
      expect(await backend.topK(request, createTopKOutput(request), abort.signal)).toMatchObject({
        ok: false,
        error: { kind: 'aborted' },
      });
    const abortAfter20 = (turns: number) => {
      if (turns > 20) abort.abort();
    };
    expect(await countTurns(answered, abortAfter20)).toBeGreaterThan(20);
    await backend.close();
  });

  test('does not turn for a short request', async () => {
    const backend = await createNativeBackend();
    const matrix = createMatrix(new Float32Array(64).fill(1), { dimensions: 8 });
    const request = { operation: 'cosine-similarity', matrix, query: new Float32Array(8).fill(1) } as const;
    const output = new Float32Array(8);
    const answer = backend.cosineSimilarity(request, output);
    expect(output[7]).toBeCloseTo(1);
    unwrap(await answer);
    await backend.close();
  });
});
