import { createMatrix, unwrap } from '@gearshift/contracts';
import { expect, test } from 'vitest';
import { createNativeBackend, describeAddon } from './addon-at-hand.js';

const ROWS = 80_000;
const DIMENSIONS = 512;

/** Turns of the event loop from the start of the work until its promise settles. */
async function countTurns(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const turn = () => {
    if (isOver) return;
    turns += 1;
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
    const query = new Float32Array(32 * DIMENSIONS).fill(1);
    // 160 MB at the speed of memory are several slices.
    expect(await countTurns(() => backend.makeResident(matrix).then(unwrap))).toBeGreaterThan(0);
    const output = new Float32Array(32 * ROWS);
    const request = { operation: 'cosine-similarity', matrix, query, queries: 32 } as const;
    expect(await countTurns(() => backend.cosineSimilarity(request, output).then(unwrap))).toBeGreaterThan(20);
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
