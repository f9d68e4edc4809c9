import { err, ok, unwrap, type ChunkAttempt, type Result } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import { checkRunOptions } from '../src/engine/check-run-options.js';
import {
  checkLimits,
  ChunkRun,
  guardedCall,
  RunLimit,
  type CallEnd,
  type ChunkWork,
  type LaneOptions,
} from '../src/engine/index.js';
import { DoneRanges } from '../src/done-ranges.js';
import { AttemptLog } from '../src/engine/attempt-log.js';
import { VirtualTime } from './virtual-time.js';

type AnyResult = Result<unknown, unknown>;

/** Starts a run of ten items with a call for all of them that already ended; returns the calls that the run makes then. */
function startAfter(end: CallEnd<AnyResult>, more: Partial<LaneOptions<unknown, unknown>> = {}) {
  const time = new VirtualTime();
  const calls: string[] = [];
  const lane = (name: string): LaneOptions<unknown, unknown> => ({
    name,
    call(start, stop) {
      calls.push(`${name}: ${start}-${stop}`);
      return ok(null);
    },
    limits: checkLimits({}),
    classifyError: undefined,
    chunkTimeoutMs: Infinity,
    settlesWhenAborted: () => true,
    freeIdleMemory: undefined,
    isOpen: () => true,
  });
  const work: ChunkWork<unknown, null> = {
    total: 10,
    accept: () => null,
    whatChanged: () => null,
    output: () => null,
  };
  const run = checkRunOptions(time.options());
  const limit = new RunLimit(undefined, Infinity, run.clock, run.timers);
  const chunkRun = new ChunkRun(work, [{ ...lane('first'), ...more }, lane('next')], run, limit);
  const chunk = { start: 0, end: 10, reservation: null };
  const first = { chunk, startedMs: run.clock() - 5, end };
  return { calls, result: time.until(chunkRun.start([{ start: 0, end: 10 }], first)) };
}

describe('a run that begins with a call that was made before', () => {
  it('makes no other call when that call succeeded', async () => {
    const { calls, result } = startAfter({ how: 'returned', value: ok(null) });
    const { chunks, attempts, fallbackItems } = unwrap(await result);
    expect(calls).toEqual([]);
    expect({ chunks, fallbackItems }).toEqual({ chunks: 1, fallbackItems: 0 });
    expect(attempts).toEqual([{ chunkIndex: 0, start: 0, end: 10, latencyMs: 5, fallback: false, outcome: 'success' }]);
  });

  it('does everything on the next lane when that call failed', async () => {
    const { calls, result } = startAfter({ how: 'returned', value: err({ kind: 'device-lost', message: 'gone' }) });
    const { attempts, fallbackItems } = unwrap(await result);
    expect(calls).toEqual(['next: 0-10']);
    expect(fallbackItems).toBe(10);
    expect(attempts.map(({ chunkIndex, outcome }) => [chunkIndex, outcome])).toEqual([
      [0, 'device-lost'],
      [0, 'success'],
    ]);
  });

  it('does everything on the next lane when that call threw', async () => {
    const { calls, result } = startAfter({ how: 'threw', error: new Error('broken') });
    expect(unwrap(await result).attempts[0]).toMatchObject({
      outcome: 'chunk-failed',
      message: expect.stringContaining('broken'),
    });
    expect(calls).toEqual(['next: 0-10']);
  });

  it('does halves on the same lane when that call ran out of memory', async () => {
    const { calls, result } = startAfter({ how: 'returned', value: err({ kind: 'out-of-memory', message: 'full' }) });
    expect(unwrap(await result).attempts).toHaveLength(3);
    expect(calls).toEqual(['first: 0-5', 'first: 5-10']);
  });

  it('repeats the call once when idle memory could be freed', async () => {
    let frees = 0;
    const freeIdleMemory = () => frees++ === 0;
    const end = { how: 'returned', value: err({ kind: 'out-of-memory', message: 'full' }) } as const;
    const { calls, result } = startAfter(end, { freeIdleMemory });
    expect(unwrap(await result).attempts).toHaveLength(2);
    expect({ calls, frees }).toEqual({ calls: ['first: 0-10'], frees: 1 });
  });
});

describe('guardedCall', () => {
  const limits = (time: VirtualTime, signal?: AbortSignal) => ({
    signal,
    limitMs: Infinity,
    abortGraceMs: 50,
    timers: time.options().timers,
  });

  it('returns what a call answers within the grace after an abort', async () => {
    const time = new VirtualTime();
    const controller = new AbortController();
    const call = guardedCall(
      (signal) =>
        new Promise<string>((resolve) =>
          signal.addEventListener('abort', () => resolve(`stopped: ${String(signal.reason)}`)),
        ),
      limits(time, controller.signal),
    );
    controller.abort('enough');
    expect(await time.until(call)).toEqual({ how: 'returned', value: 'stopped: enough' });
  });

  it('gives up a call that does not answer within the grace after an abort', async () => {
    const time = new VirtualTime();
    const controller = new AbortController();
    const startMs = time.options().clock();
    const call = guardedCall(() => new Promise<string>(() => {}), limits(time, controller.signal));
    controller.abort();
    expect(await time.until(call)).toMatchObject({ how: 'given-up', kind: 'aborted' });
    expect(time.options().clock() - startMs).toBe(50);
  });

  it('never gives up a call after an abort when the grace is unlimited', async () => {
    const time = new VirtualTime();
    const controller = new AbortController();
    let answer = (_value: string) => {};
    const call = guardedCall(
      (signal) =>
        signal === controller.signal ? new Promise<string>((resolve) => (answer = resolve)) : 'other signal',
      { ...limits(time, controller.signal), abortGraceMs: Infinity },
    );
    controller.abort();
    answer('late but wanted');
    expect(await call).toEqual({ how: 'returned', value: 'late but wanted' });
  });

  it('passes on a signal that had already fired', async () => {
    const call = guardedCall(
      (signal) => signal.reason as unknown,
      limits(new VirtualTime(), AbortSignal.abort('before')),
    );
    expect(await call).toEqual({ how: 'returned', value: 'before' });
  });
});

describe('DoneRanges', () => {
  it('joins a range with both of its neighbours, in any order', () => {
    const done = new DoneRanges();
    done.add(6, 8);
    done.add(0, 2);
    done.add(4, 4);
    done.add(3, 4);
    expect(done.toArray()).toEqual([
      { start: 0, end: 2 },
      { start: 3, end: 4 },
      { start: 6, end: 8 },
    ]);
    done.add(4, 6);
    expect(done.toArray()).toEqual([
      { start: 0, end: 2 },
      { start: 3, end: 8 },
    ]);
    done.add(2, 3);
    expect(done.toArray()).toEqual([{ start: 0, end: 8 }]);
    expect(done.count).toBe(8);
    expect(done.remaining(10)).toEqual([{ start: 8, end: 10 }]);
  });
});

describe('AttemptLog', () => {
  const attempt = (chunkIndex: number, outcome: 'success' | 'timeout'): ChunkAttempt => ({
    chunkIndex,
    start: chunkIndex,
    end: chunkIndex + 1,
    latencyMs: 1,
    fallback: false,
    ...(outcome === 'success' ? { outcome } : { outcome, message: 'late', cause: null }),
  });
  const logOf = (outcomes: readonly ('success' | 'timeout')[]) => {
    const log = new AttemptLog();
    for (const [index, outcome] of outcomes.entries()) log.add(attempt(index, outcome));
    return { count: log.count, indexes: log.toArray().map(({ chunkIndex }) => chunkIndex) };
  };
  const firstThousand = Array.from({ length: 1000 }, (_, index) => index);

  it('keeps the first thousand successes and counts all', () => {
    const { count, indexes } = logOf(new Array<'success'>(1003).fill('success'));
    expect({ count, indexes }).toEqual({ count: 1003, indexes: firstThousand });
  });

  it('drops the last success for a failure when it is full', () => {
    const { indexes } = logOf([...new Array<'success'>(1000).fill('success'), 'timeout', 'success', 'timeout']);
    expect(indexes).toEqual([...firstThousand.slice(0, 998), 1000, 1002]);
  });

  it('keeps the first thousand failures', () => {
    const { count, indexes } = logOf(new Array<'timeout'>(1002).fill('timeout'));
    expect({ count, indexes }).toEqual({ count: 1002, indexes: firstThousand });
  });
});
