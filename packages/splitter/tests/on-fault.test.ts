import { err, ok, unwrap } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import { createMemoryBudget, runRanges, type RangeOptions } from '../src/index.js';
import { expectError } from './expect-error.js';
import { FakeDevice } from './fake-device.js';
import { VirtualTime } from './virtual-time.js';

const fault = (kind: string) => err({ kind, message: `scripted ${kind}` });

/** The calls and the result of a run in which the function fails with `kind` for chunks that begin at one of `failing`. */
async function play(kind: string, failing: number[], options: RangeOptions = {}) {
  const time = new VirtualTime();
  const log: string[] = [];
  const run = runRanges(
    12,
    {
      ...time.options(),
      maxChunkItems: 2,
      fallback: (start, end) => (log.push(`cpu ${start}-${end}`), ok(null)),
      chunkTimeoutMs: 100,
      ...options,
    },
    (start, end) => {
      log.push(`gpu ${start}-${end}`);
      if (!failing.includes(start)) return ok(null);
      return kind === 'never' ? new Promise(() => undefined) : fault(kind);
    },
  );
  return { log, result: await time.until(run) };
}

describe("onFault 'cpu'", () => {
  it.each(['fault', 'invalid-result', 'unsupported'])(
    'lets the fallback do only the failed chunk after %s',
    async (kind) => {
      const { log, result } = await play(kind, [2, 6]);
      expect(log).toEqual(['gpu 0-2', 'gpu 2-4', 'cpu 2-4', 'gpu 4-6', 'gpu 6-8', 'cpu 6-8', 'gpu 8-10', 'gpu 10-12']);
      expect(unwrap(result)).toMatchObject({ fallbackItems: 4, chunks: 6, attemptCount: 8 });
      expect(unwrap(result).attempts.map(({ fallback }) => fallback)).toEqual(
        log.map((entry) => entry.startsWith('cpu')),
      );
    },
  );

  it.each(['device-lost', 'never', 'timeout'])('lets the fallback do all remaining items after %s', async (kind) => {
    const { log } = await play(kind, [4]);
    expect(log).toEqual(['gpu 0-2', 'gpu 2-4', 'gpu 4-6', 'cpu 4-6', 'cpu 6-8', 'cpu 8-10', 'cpu 10-12']);
  });

  it('lets the fallback do all remaining items after four faults in a row, but not with a success between them', async () => {
    const inARow = await play('fault', [0, 2, 4, 6, 8]);
    expect(inARow.log.filter((entry) => entry.startsWith('gpu'))).toEqual(['gpu 0-2', 'gpu 2-4', 'gpu 4-6', 'gpu 6-8']);
    const apart = await play('fault', [0, 2, 6, 8]);
    expect(apart.log.filter((entry) => entry.startsWith('gpu'))).toHaveLength(6);
  });

  it('lets the fallback do all remaining items when one item runs out of memory', async () => {
    const { log } = await play('out-of-memory', [4, 5]);
    expect(log).toEqual(['gpu 0-2', 'gpu 2-4', 'gpu 4-6', 'gpu 4-5', 'cpu 4-6', 'cpu 6-8', 'cpu 8-10', 'cpu 10-12']);
  });

  it.each([
    ['too large for the budget', 5, 0],
    ['larger than the memory available now', 100, 95],
  ])('lets the fallback do everything when one item is %s', async (_what, capBytes, heldBytes) => {
    const budget = createMemoryBudget(new FakeDevice(null), { capBytes });
    unwrap(budget.reserve(heldBytes));
    const { log } = await play('fault', [], { budget, bytesPerItem: 10, memoryWaitMs: 0 });
    expect(log).toEqual(['cpu 0-2', 'cpu 2-4', 'cpu 4-6', 'cpu 6-8', 'cpu 8-10', 'cpu 10-12']);
  });

  it('does not call the fallback for invalid input', async () => {
    const { log, result } = await play('invalid-input', [4]);
    expect(expectError(result).kind).toBe('invalid-input');
    expect(log.at(-1)).toBe('gpu 4-6');
  });

  it('ends the run when the fallback fails, with both attempts', async () => {
    const { result } = await play('fault', [4], { fallback: () => fault('own') });
    const error = expectError(result);
    expect(error).toMatchObject({ kind: 'chunk-failed', range: { start: 4, end: 6 }, cause: { kind: 'own' } });
    expect(error.message).toContain('fallback');
    expect(error.partial.attempts.slice(-2).map(({ outcome }) => outcome)).toEqual(['device-fault', 'chunk-failed']);
  });

  it('makes chunks of the fallback smaller when it runs out of memory', async () => {
    const log: string[] = [];
    const fallback = (start: number, end: number) => {
      log.push(`cpu ${start}-${end}`);
      return end - start > 1 ? fault('out-of-memory') : ok(null);
    };
    unwrap((await play('fault', [4], { fallback })).result);
    expect(log).toEqual(['cpu 4-6', 'cpu 4-5', 'cpu 5-6']);
  });
});

it("ends the run with onFault 'stop', even if there is a fallback", async () => {
  const { log, result } = await play('fault', [4], { onFault: 'stop' });
  expect(expectError(result).kind).toBe('device-fault');
  expect(log).toEqual(['gpu 0-2', 'gpu 2-4', 'gpu 4-6']);
});

describe("onFault 'collect'", () => {
  it.each(['fault', 'own', 'invalid-input', 'invalid-result', 'never'])(
    'continues with the other chunks after %s, and reports the first failure',
    async (kind) => {
      const { log, result } = await play(kind, [2, 6], { onFault: 'collect' });
      const error = expectError(result);
      expect(error.range).toEqual({ start: 2, end: 4 });
      expect(error.chunkIndex).toBe(1);
      expect(error.partial.remaining).toEqual([
        { start: 2, end: 4 },
        { start: 6, end: 8 },
      ]);
      expect(log).toHaveLength(6);
      expect(error.partial.attempts.filter(({ outcome }) => outcome !== 'success')).toHaveLength(2);
    },
  );

  it.each(['device-lost', 'out-of-memory'])(
    'ends the run after %s, because other chunks would fail too',
    async (kind) => {
      const { result } = await play(kind, [2, 3], { onFault: 'collect' });
      expect(expectError(result).partial.done).toEqual([{ start: 0, end: 2 }]);
    },
  );
});

it('keeps at most 1,000 attempts, failures rather than successes', async () => {
  const failing = (start: number) => start % 3 === 0;
  const result = await runRanges(2400, { maxChunkItems: 1, onFault: 'collect' }, (start) =>
    failing(start) ? err('odd') : ok(null),
  );
  const { partial } = expectError(result);
  expect(partial.attemptCount).toBe(2400);
  expect(partial.attempts).toHaveLength(1000);
  expect(partial.attempts.filter(({ outcome }) => outcome !== 'success')).toHaveLength(800);
});
