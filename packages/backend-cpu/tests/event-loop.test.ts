import { setImmediate } from 'node:timers/promises';
import { createMatrix, unwrap } from '@gearshift/contracts';
import { expect, test } from 'vitest';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

const ROWS = 40_000;
const DIMENSIONS = 512;

/** Turns of the event loop that happen until the promise settles. */
async function countTurns(promise: Promise<unknown>): Promise<number> {
  let isOver = false;
  void promise.finally(() => (isOver = true));
  let turns = 0;
  while (!isOver) {
    await setImmediate();
    turns += 1;
  }
  return turns;
}

describeAddon('the event loop', () => {
  test('turns while a long request runs and while its copy is made', async () => {
    const backend = await createNativeBackend();
    const matrix = createMatrix(new Float32Array(ROWS * DIMENSIONS).fill(1), { dimensions: DIMENSIONS });
    const query = new Float32Array(64 * DIMENSIONS).fill(1);
    // 80 MB at the speed of memory are several slices.
    expect(await countTurns(backend.makeResident(matrix).then(unwrap))).toBeGreaterThan(1);
    const output = new Float32Array(64 * ROWS);
    const answer = backend.cosineSimilarity({ operation: 'cosine-similarity', matrix, query }, output).then(unwrap);
    expect(await countTurns(answer)).toBeGreaterThan(20);
    await backend.close();
  });

  test('is not entered for work that is over at once', async () => {
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
