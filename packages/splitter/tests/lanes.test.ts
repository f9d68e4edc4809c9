import { err, ok, unwrap, type Result } from '@gearshift/contracts';
import { describe, expect, it } from 'vitest';
import { checkRunOptions } from '../src/engine/check-run-options.js';
import { checkLimits, runOnLanes, type ChunkWork, type LaneOptions } from '../src/engine/index.js';
import { processInChunks, resume, runRanges, type ChunkErrorKind, type RangeOptions } from '../src/index.js';
import { expectError } from './expect-error.js';
import { VirtualTime } from './virtual-time.js';

type AnyResult = Result<unknown, unknown>;

/** Lanes named by their position, a log of their calls, and a run of items on them. */
class LaneRun {
  readonly time = new VirtualTime();
  readonly log: string[] = [];
  readonly #lanes: LaneOptions<unknown, unknown>[] = [];

  add(
    answer: (start: number, end: number, signal: AbortSignal) => AnyResult | Promise<AnyResult>,
    more: Partial<LaneOptions<unknown, unknown>> = {},
  ): this {
    const index = this.#lanes.length;
    this.#lanes.push({
      name: 'lane',
      call: (start, end, signal) => {
        this.log.push(`${index}: ${start}-${end}`);
        return answer(start, end, signal);
      },
      limits: checkLimits({ maxChunkItems: 2 }),
      classifyError: undefined,
      chunkTimeoutMs: Infinity,
      settlesWhenAborted: () => false,
      freeIdleMemory: undefined,
      isOpen: () => true,
      ...more,
    });
    return this;
  }

  start(total: number, options: RangeOptions = {}) {
    const work: ChunkWork<unknown, null> = {
      total,
      accept: () => null,
      whatChanged: () => null,
      output: () => null,
    };
    const run = checkRunOptions({ ...this.time.options(), ...options });
    return this.time.until(runOnLanes(work, this.#lanes, run, [{ start: 0, end: total }]));
  }
}

const failing = (start: number, kind = 'fault') => ((at: number) => (at === start ? err({ kind, message: kind }) : ok(null))); // prettier-ignore

describe('an ordered list of lanes', () => {
  it('does each chunk on the first lane that succeeds, in order', async () => {
    const run = new LaneRun().add(failing(2)).add(failing(2)).add(ok);
    const summary = unwrap(await run.start(6));
    expect(run.log).toEqual(['0: 0-2', '0: 2-4', '1: 2-4', '2: 2-4', '0: 4-6']);
    expect(summary).toMatchObject({ chunks: 3, fallbackItems: 2, attemptCount: 5 });
  });

  it('fails with the error of the last lane when all lanes failed', async () => {
    const run = new LaneRun().add(failing(2)).add(failing(2, 'first')).add(failing(2, 'last'));
    const error = expectError(await run.start(6));
    expect(error).toMatchObject({ kind: 'chunk-failed', cause: { kind: 'last' }, range: { start: 2, end: 4 } });
    expect(error.partial.attempts.map(({ outcome }) => outcome)).toEqual([
      'success', 'device-fault', 'chunk-failed', 'chunk-failed',
    ]); // prettier-ignore
  });

  it('cuts chunks to the limits of each lane', async () => {
    const run = new LaneRun()
      .add(failing(0), { limits: checkLimits({ maxChunkItems: 4 }) })
      .add(ok, { limits: checkLimits({ maxChunkItems: 3 }) });
    unwrap(await run.start(8));
    expect(run.log).toEqual(['0: 0-4', '1: 0-2', '1: 2-4', '0: 4-8']);
  });

  it('uses the next lane while a lane is closed for now, and returns to it', async () => {
    let isOpen = true;
    const run = new LaneRun()
      .add((start) => ok((isOpen = start !== 2)), { isOpen: () => isOpen })
      .add((start) => ok((isOpen = start === 6)));
    const summary = unwrap(await run.start(10));
    expect(run.log).toEqual(['0: 0-2', '0: 2-4', '1: 4-6', '1: 6-8', '0: 8-10']);
    expect(summary.fallbackItems).toBe(4);
  });

  it('asks a lane once before each chunk whether it is open', async () => {
    let asked = 0;
    const isFull = (end: number) => end === 4 && asked < 3;
    const run = new LaneRun()
      .add((_start, end) => (isFull(end) ? err({ kind: 'out-of-memory', message: 'full' }) : ok(null)), {
        isOpen: () => (asked += 1) > 0,
      })
      .add(ok);
    unwrap(await run.start(6));
    expect(run.log).toEqual(['0: 0-2', '0: 2-4', '0: 2-3', '0: 3-4', '0: 4-5', '0: 5-6']);
    expect(asked).toBe(6);
  });

  it('fails as overloaded, without a call, when every lane is closed', async () => {
    const run = new LaneRun().add(ok, { isOpen: () => false }).add(ok, { isOpen: () => false });
    const error = expectError(await run.start(4));
    expect(error).toMatchObject({ kind: 'overloaded', range: { start: 0, end: 4 }, cause: null });
    expect(error.message).toBe('run: items [0, 4): every place that could do these items is closed');
    expect(run.log).toEqual([]);
  });

  it('fails with the error of an earlier lane when the lanes after it are closed', async () => {
    const run = new LaneRun().add(failing(2)).add(ok, { isOpen: () => false });
    expect(expectError(await run.start(6))).toMatchObject({ kind: 'device-fault', range: { start: 2, end: 4 } });
  });

  it.each<ChunkErrorKind>(['device-lost', 'timeout', 'out-of-memory', 'item-too-large', 'overloaded'])(
    'does not call a lane again after %s',
    async (kind) => {
      const limits = checkLimits({ maxChunkItems: 1 });
      const run = new LaneRun().add(failing(1), { classifyError: () => kind, limits }).add(ok, { limits });
      unwrap(await run.start(4));
      expect(run.log).toEqual(['0: 0-1', '0: 1-2', '1: 1-2', '1: 2-3', '1: 3-4']);
    },
  );

  it.each<ChunkErrorKind>(['device-fault', 'invalid-result', 'chunk-failed', 'length-mismatch'])(
    'calls a lane for the next chunk after %s',
    async (kind) => {
      const run = new LaneRun().add(failing(2), { classifyError: () => kind }).add(ok);
      unwrap(await run.start(6));
      expect(run.log).toEqual(['0: 0-2', '0: 2-4', '1: 2-4', '0: 4-6']);
    },
  );

  it('closes a middle lane for good, and continues on the lanes around it', async () => {
    const lost = (start: number) => (start === 2 ? err({ kind: 'device-lost', message: 'gone' }) : ok(null));
    const run = new LaneRun()
      .add((start) => (start < 6 ? failing(start)(start) : ok(null)))
      .add(lost)
      .add(ok);
    unwrap(await run.start(8));
    expect(run.log).toEqual(['0: 0-2', '1: 0-2', '0: 2-4', '1: 2-4', '2: 2-4', '0: 4-6', '2: 4-6', '0: 6-8']);
  });

  it('ends the run on any lane when the input is invalid', async () => {
    const run = new LaneRun().add(failing(2, 'invalid-input')).add(ok);
    expect(expectError(await run.start(6)).kind).toBe('invalid-input');
    expect(run.log).toEqual(['0: 0-2', '0: 2-4']);
  });
});

describe('a lane that settles when it is aborted', () => {
  const settling = { settlesWhenAborted: () => true };
  const atAbort = (signal: AbortSignal, answer: AnyResult) =>
    new Promise<AnyResult>((resolve) => signal.addEventListener('abort', () => setImmediate(() => resolve(answer))));

  it('awaits a lane that settles when it is aborted, and keeps its results', async () => {
    const controller = new AbortController();
    const run = new LaneRun().add((_start, _end, signal) => atAbort(signal, ok(null)), settling);
    setImmediate(() => controller.abort());
    const error = expectError(await run.start(4, { signal: controller.signal }));
    expect(error).toMatchObject({ kind: 'aborted', range: { start: 2, end: 4 } });
    expect(error.partial.done).toEqual([{ start: 0, end: 2 }]);
  });

  it.each([
    ['reports that it was aborted', (): AnyResult => err({ kind: 'aborted', message: 'stopped' })],
    ['throws', (): never => { throw new DOMException('stopped', 'AbortError'); }], // prettier-ignore
  ])('ends the run as aborted when a call that was aborted %s', async (_how, answer) => {
    const controller = new AbortController();
    const run = new LaneRun()
      .add(async (_start, _end, signal) => {
        const aborted = await atAbort(signal, ok(null));
        return aborted.ok ? answer() : aborted;
      }, settling)
      .add(ok);
    setImmediate(() => controller.abort());
    const error = expectError(await run.start(4, { signal: controller.signal }));
    expect(error.kind).toBe('aborted');
    expect(error.partial.attempts.map(({ outcome }) => outcome)).toEqual(['aborted']);
    expect(run.log).toEqual(['0: 0-2']);
  });

  it('gives up a call after its time limit, even on a lane that settles when it is aborted', async () => {
    const run = new LaneRun().add(() => new Promise(() => undefined), { ...settling, chunkTimeoutMs: 100 });
    expect(expectError(await run.start(2)).kind).toBe('timeout');
  });
});

describe('several fallbacks', () => {
  it('lets several fallbacks do, in order, the chunks that failed on the functions before them', async () => {
    const log: string[] = [];
    const place = (name: string, failsFrom: number) => (start: number, end: number) => {
      log.push(`${name} ${start}-${end}`);
      return start >= failsFrom ? err(name) : ok(null);
    };
    const options = { maxChunkItems: 1, fallback: [place('replica', 2), place('local', 9)] };
    const summary = unwrap(await runRanges(3, options, place('primary', 1)));
    expect(log).toEqual(['primary 0-1', 'primary 1-2', 'replica 1-2', 'primary 2-3', 'replica 2-3', 'local 2-3']);
    expect(summary.fallbackItems).toBe(2);
  });

  it('uses several fallbacks in processInChunks and in a resumed run', async () => {
    const items = ['a', 'b', 'c', 'd'];
    const failingAt = (bad: string) => (chunk: string[]) => (chunk.includes(bad) ? err('odd') : ok(chunk));
    const fallback = [failingAt('b'), failingAt('c')];
    const options = { maxChunkItems: 1, fallback };
    const never = () => err('odd');
    const first = await processInChunks(items, { ...options, fallback: [failingAt('b')] }, never);
    const { partial } = expectError(first);
    expect(partial.done).toEqual([{ start: 0, end: 1 }]);
    expect(unwrap(await resume(partial, items, options, never))).toEqual(items);
  });

  it("treats an empty list of fallbacks as none, so that onFault is 'stop'", async () => {
    const error = expectError(await runRanges(2, { fallback: [] }, () => err('odd')));
    expect(error.kind).toBe('chunk-failed');
    await expect(runRanges(2, { fallback: [], onFault: 'cpu' }, () => ok(null))).rejects.toThrow(/fallback/);
    await expect(runRanges(2, { fallback: [5 as never] }, () => ok(null))).rejects.toThrow(/fallback/);
  });

  it("does not call fallbacks with onFault 'stop'", async () => {
    let calls = 0;
    const fallback = [() => ok((calls += 1))];
    expectError(await runRanges(2, { fallback, onFault: 'stop' }, () => err('odd')));
    expect(calls).toBe(0);
  });
});
