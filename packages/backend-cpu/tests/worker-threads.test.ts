import { effort, tellCount } from '@gearshift/vitest-config/effort';
import { expect, test } from 'vitest';
import { describeAddon } from './addon-at-hand.js';
import { runFixture } from './run-fixture.js';

/** Enough for 32 terminations. */
const KILL_ROUNDS = effort({ test: 1, ci: 4, nightly: 100 });
const PATIENCE = { timeout: KILL_ROUNDS * 60_000 };

describeAddon('worker threads', () => {
  // With the addon loaded on the main thread, and without: Node then unloads it with the last worker.
  test.for(['keep', 'unload'])('can be terminated during native calls (%s)', PATIENCE, async (mode) => {
    for (let round = 0; round < KILL_ROUNDS; round++) {
      const { code, signal, stdout, stderr } = await runFixture('terminate-workers.mjs', mode);
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
      expect(JSON.parse(stdout)).toEqual({ killed: 32, ok: true, score: 1 });
      tellCount('R3', 32);
    }
  });

  test('each get the answers to their own queries', async () => {
    const { code, stdout, stderr } = await runFixture('concurrent-workers.mjs');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ workers: 6, requests: 6 * 60, wrong: 0 });
  });
});

describeAddon('leaving with work pending', () => {
  test.each([
    ['exit', 7],
    ['throw', 1],
    ['wait', 0],
  ])('by %s', async (how, expectedCode) => {
    for (const memory of ['owned', 'shared']) {
      const { code, signal, stdout, stderr } = await runFixture('exit-with-pending-work.mjs', how, memory);
      expect({ code, signal }).toEqual({ code: expectedCode, signal: null });
      expect(stderr.includes('on purpose')).toBe(how === 'throw');
      expect(stdout).toBe(how === 'wait' ? 'all done\n' : '');
    }
  });
});
