import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { effort } from '@gearshift/vitest-config/effort';
import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('fixtures/make-and-dispose.mjs', import.meta.url));
const graphScript = fileURLToPath(new URL('fixtures/graph-memory.mjs', import.meta.url));
const run = promisify(execFile);

describe('the memory of a process', () => {
  // 400 matrices or graphs take 2 GB in total.
  it.each([
    ['matrix', 'native', 200, effort({ test: 400, ci: 2000 })],
    ['matrix', 'portable', 350, effort({ test: 400, ci: 2000 })],
    ['rows', 'native', 350, effort({ test: 400, ci: 2000 })],
    ['graph', 'native', 200, effort({ test: 400, ci: 2000 })],
    ['graph', 'portable', 350, effort({ test: 400, ci: 2000 })],
    // The list itself takes more than 100 MB.
    ['edges', 'native', 350, effort({ test: 100, ci: 400 })],
    ['executor', 'native', 350, effort({ test: 300, ci: 2000 })],
  ])(
    'stays bounded while it makes, asks and disposes: %s, %s, below %i MB',
    { timeout: 600_000 },
    async (what, mode, limit, rounds) => {
      const { stdout } = await run(process.execPath, [script, what, String(rounds), mode]);
      expect(Number(stdout)).toBeGreaterThan(10);
      expect(Number(stdout)).toBeLessThan(limit);
    },
  );
});

describe('the memory of a large graph', () => {
  const graphMemory = async (...args: readonly string[]) => {
    const { stdout } = await run(process.execPath, [graphScript, ...args]);
    return JSON.parse(stdout) as { arraysBytes: number; steady: number; held: number; after: number };
  };

  // Only Linux counts pages at once as they are touched and given back.
  describe.skipIf(process.platform !== 'linux')('on Linux', () => {
    it('is that of its arrays and of the copy of the CPU, and comes back at once when it is disposed', async () => {
      const { arraysBytes, steady, after } = await graphMemory('native');
      expect(steady).toBeGreaterThan(arraysBytes);
      // The copy of the CPU takes about as much as the arrays.
      expect(steady).toBeLessThan(2.05 * arraysBytes);
      expect(after).toBeLessThan(0.05 * arraysBytes);
    });

    it('is that of its arrays without native code', async () => {
      const { arraysBytes, steady } = await graphMemory('portable');
      expect(steady).toBeGreaterThan(0.9 * arraysBytes);
      expect(steady).toBeLessThan(1.05 * arraysBytes);
    });

    it('comes back when a worker is terminated during its request', { timeout: 300_000 }, async () => {
      const { arraysBytes, held, after } = await graphMemory('native', 'terminate');
      expect(held).toBeGreaterThan(arraysBytes);
      expect(after).toBeLessThan(arraysBytes / 2);
    });
  });
});
