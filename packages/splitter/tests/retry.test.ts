import { err, ok, unwrap, type Result } from '@gearshift/contracts';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runRanges, type FailedCall, type RangeOptions, type RetryOptions } from '../src/index.js';
import { expectError } from './expect-error.js';
import { VirtualTime } from './virtual-time.js';

const HTTP_NOW = Date.UTC(2026, 0, 1, 12, 0, 0);
const NO_JITTER: RetryOptions = { random: () => 0 };

type Answer = Result<unknown, unknown> | Promise<Result<unknown, unknown>>;

/** Runs chunks of one item; `answers[start]` are the answers of its calls, then it succeeds. Logs `start at ms`. */
async function play(total: number, options: RangeOptions, answers: Record<number, (() => Answer)[]>) {
  const time = new VirtualTime();
  const startedMs = time.nowMs;
  const log: string[] = [];
  const elapsedMs = () => time.nowMs - startedMs;
  const run = runRanges(total, { ...time.options(), maxChunkItems: 1, ...options }, (start) => {
    log.push(`${start} at ${elapsedMs()}`);
    return answers[start]?.shift()?.() ?? ok(null);
  });
  const result = await time.until(run);
  expect(time.pending).toBe(0);
  return { log, result, elapsedMs: elapsedMs() };
}

const times = (count: number, answer: () => Answer) => Array.from({ length: count }, () => answer);
const fault = () => err({ kind: 'fault', message: 'launch refused' });
const thrown = (error: unknown) => (): never => {
  throw error;
};

afterEach(() => void vi.useRealTimers());

describe('retry of a failed chunk', () => {
  it('tries a failed chunk only once without the option retry', async () => {
    const { log, result } = await play(1, {}, { 0: [fault] });
    expect(log).toEqual(['0 at 0']);
    expect(result.ok).toBe(false);
  });

  it('tries a failed chunk again after 500, 1,000 and 2,000 ms by default, then fails with its last error', async () => {
    const answers = { 1: [fault, fault, fault, () => err({ kind: 'fault', message: 'the last one' }), fault] };
    const { log, result } = await play(3, { retry: NO_JITTER }, answers);
    expect(log).toEqual(['0 at 0', '1 at 0', '1 at 500', '1 at 1500', '1 at 3500']);
    const { message, partial } = expectError(result);
    expect(message).toBe('run: items [1, 2): the last one');
    expect(partial.done).toEqual([{ start: 0, end: 1 }]);
    expect(partial.attempts.map(({ outcome, chunkIndex }) => [outcome, chunkIndex])).toEqual([
      ['success', 0],
      ['device-fault', 1],
      ['device-fault', 1],
      ['device-fault', 1],
      ['device-fault', 1],
    ]);
  });

  it('waits at random between half of the delay and all of it, and never longer than maxDelayMs', async () => {
    const randoms = [0, 0.5, 1, 0];
    const retry = { attempts: 4, delayMs: 100, maxDelayMs: 300, random: () => randoms.shift() ?? 0 };
    const { log } = await play(1, { retry }, { 0: times(4, fault) });
    expect(log).toEqual(['0 at 0', '0 at 100', '0 at 250', '0 at 400', '0 at 700']);
    const calls: number[] = [];
    const random = vi.spyOn(Math, 'random').mockImplementation(() => (calls.push(1), 0.5));
    await play(1, { retry: {} }, { 0: [fault] });
    random.mockRestore();
    expect(calls).toHaveLength(1);
  });

  it('keeps the size and the number of a chunk that is tried again', async () => {
    const time = new VirtualTime();
    const ranges: [number, number][] = [];
    const run = runRanges(12, { ...time.options(), maxChunkItems: 4, retry: NO_JITTER }, (start, end) => {
      ranges.push([start, end]);
      return ranges.length === 2 || ranges.length === 3 ? fault() : ok(null);
    });
    const { attempts, chunks } = unwrap(await time.until(run));
    expect(ranges).toEqual([[0, 4], [4, 8], [4, 8], [4, 8], [8, 12]]); // prettier-ignore
    expect(attempts.map(({ chunkIndex }) => chunkIndex)).toEqual([0, 1, 1, 1, 2]);
    expect(chunks).toBe(3);
  });

  it('counts failures per chunk', async () => {
    const answers = { 0: times(2, fault), 1: times(2, fault) };
    const { result } = await play(2, { retry: { ...NO_JITTER, attempts: 2, delayMs: 10 } }, answers);
    expect(unwrap(result).attemptCount).toBe(6);
  });

  it('does not try a chunk again with attempts: 0', async () => {
    const { log } = await play(1, { retry: { attempts: 0 } }, { 0: [fault] });
    expect(log).toEqual(['0 at 0']);
  });

  it('tries a chunk again before a fallback gets it, and reports all calls', async () => {
    const order: string[] = [];
    const fallback = (start: number) => {
      order.push(`fallback ${start}`);
      return order.length < 3 ? fault() : ok(null);
    };
    const retry = { ...NO_JITTER, attempts: 2, delayMs: 10 };
    const { log, result } = await play(2, { retry, fallback }, { 0: times(3, fault) });
    expect(log).toEqual(['0 at 0', '0 at 10', '0 at 30', '1 at 60']);
    expect(order).toEqual(['fallback 0', 'fallback 0', 'fallback 0']);
    const { attempts, fallbackItems } = unwrap(result);
    expect(attempts.map(({ outcome, fallback }) => `${outcome}${fallback ? ' by the fallback' : ''}`)).toEqual([
      'device-fault',
      'device-fault',
      'device-fault',
      'device-fault by the fallback',
      'device-fault by the fallback',
      'success by the fallback',
      'success',
    ]);
    expect(fallbackItems).toBe(1);
  });
});

describe('retry conditions', () => {
  const kindOf = (kind: string) => () => err({ kind, message: kind });
  it.each<[string, () => Answer]>([
    ['a fault', kindOf('fault')],
    ['a custom error', () => err('odd')],
    ['a timeout that the function reports', kindOf('timeout')],
    ['a call that does not settle in time', () => new Promise(() => undefined)],
    ['a thrown error', thrown(new Error('ECONNRESET'))],
    ['a rejection', () => Promise.reject(new Error('ECONNRESET'))],
    ['an error that cannot be read', () => err(new Proxy({}, { get: () => 1, has: () => true }))],
  ])('retries after %s', async (_what, answer) => {
    const { result } = await play(1, { retry: NO_JITTER, chunkTimeoutMs: 100 }, { 0: [answer] });
    expect(unwrap(result).attemptCount).toBe(2);
  });

  it.each<[string, () => Answer]>([
    ['a lost device', kindOf('device-lost')],
    ['invalid input', kindOf('invalid-input')],
    ['an invalid result', kindOf('invalid-result')],
    ['something that is no Result', () => 'garbage' as never],
    ['no memory for the smallest chunk', kindOf('out-of-memory')],
    ['an error with getters that throw', () => err({ get status() { throw new Error('no'); } })], // prettier-ignore
  ])('does not retry after %s', async (_what, answer) => {
    const { log, result } = await play(1, { retry: NO_JITTER }, { 0: [answer] });
    expect(log).toHaveLength(1);
    expect(result.ok).toBe(false);
  });

  const forms: [string, (status: number) => unknown][] = [
    ['status', (status) => ({ status })],
    ['statusCode', (status) => Object.assign(new Error('http'), { statusCode: status })],
    ['response.status', (status) => ({ response: { status } })],
  ];
  it.each(forms)('retries by the HTTP status in %s', async (_where, errorWith) => {
    for (const status of [400, 401, 403, 404, 409, 413, 422, 499]) {
      const { log } = await play(1, { retry: NO_JITTER }, { 0: [() => err(errorWith(status))] });
      expect([status, log.length]).toEqual([status, 1]);
    }
    for (const status of [200, 408, 425, 429, 500, 502, 503, 504]) {
      const { log } = await play(1, { retry: NO_JITTER }, { 0: [thrown(errorWith(status))] });
      expect([status, log.length]).toEqual([status, 2]);
    }
  });

  it('calls retryIf for each failure, with the unchanged error and the number of failed calls', async () => {
    const failures: FailedCall[] = [];
    const error = { kind: 'device-lost', message: 'gone', detail: () => 1 };
    const retryIf = (failure: FailedCall) => failures.push(failure) < 3;
    const { log } = await play(1, { retry: { ...NO_JITTER, retryIf } }, { 0: times(9, () => err(error)) });
    expect(log).toHaveLength(3);
    const failure = { kind: 'device-lost', message: 'gone', error };
    expect(failures).toEqual([1, 2, 3].map((attempt) => ({ ...failure, attempt })));
    expect(failures[0].error).toBe(error);
  });

  it('does not retry when retryIf throws or returns something other than true', async () => {
    for (const retryIf of [thrown(new Error('no')), (() => 'yes') as never]) {
      const { log } = await play(1, { retry: { retryIf } }, { 0: [fault] });
      expect(log).toHaveLength(1);
    }
  });
});

describe('retry after a wait that the error requests', () => {
  const date = (inMs: number) => new Date(HTTP_NOW + inMs).toUTCString();
  it.each<[string, unknown, number]>([
    ['retryAfterMs', { retryAfterMs: 1234 }, 1234],
    ['retryAfterMs of an Error', Object.assign(new Error('slow down'), { retryAfterMs: 0 }), 0],
    ['the header retry-after-ms', { headers: { 'retry-after-ms': '250' } }, 250],
    ['retry-after-ms before retry-after', { headers: { 'retry-after-ms': 250, 'retry-after': '9' } }, 250],
    ['retry-after in seconds', { headers: { 'retry-after': '7' } }, 7000],
    ['retry-after as a number', { headers: { 'retry-after': 7 } }, 7000],
    ['retry-after as a date', { headers: { 'retry-after': date(5000) } }, 5000],
    ['a date that has passed', { headers: { 'retry-after': date(-5000) } }, 0],
    ['headers in another case', { headers: { 'Retry-After': '2' } }, 2000],
    ['a Headers object', { headers: new Headers({ 'Retry-After': '3' }) }, 3000],
    ['a Headers object of the response', { response: new Response(null, { headers: { 'retry-after': '4' } }) }, 4000],
    ['plain headers of the response', { response: { headers: { 'retry-after': '5' } } }, 5000],
    ['retryAfterMs before the headers', { retryAfterMs: 10, headers: { 'retry-after': '5' } }, 10],
    ['headers before those of the response', { headers: { 'retry-after': '1' }, response: { headers: { 'retry-after': '5' } } }, 1000], // prettier-ignore
  ])('waits as long as an error asks for by %s', async (_where, error, delayMs) => {
    vi.useFakeTimers({ toFake: ['Date'], now: HTTP_NOW });
    const { log } = await play(1, { retry: { random: () => 0.3 } }, { 0: [() => err(error)] });
    expect(log).toEqual(['0 at 0', `0 at ${delayMs}`]);
  });

  it.each<[string, unknown]>([
    ['a word', { headers: { 'retry-after': 'soon' } }],
    ['a text that JavaScript takes for a date', { headers: { 'retry-after': 'wait 2' } }],
    ['an empty header', { headers: { 'retry-after': ' ', 'retry-after-ms': '' } }],
    ['a negative number', { retryAfterMs: -5, headers: { 'retry-after': '-5' } }],
    ['NaN', { retryAfterMs: NaN }],
    ['headers that are no object', { headers: 'retry-after: 5' }],
    ['headers that throw', { headers: { get: thrown(new Error('no')) } }],
    ['an invalid date', { headers: { 'retry-after': 'Frx, 99 Jan 2026 12:00:00 GMT' } }],
  ])('waits for its own delay when an error asks for a wait by %s', async (_what, error) => {
    vi.useFakeTimers({ toFake: ['Date'], now: HTTP_NOW });
    const { log } = await play(1, { retry: NO_JITTER }, { 0: [() => err(error)] });
    expect(log).toEqual(['0 at 0', '0 at 500']);
  });

  it('begins no call of the run before a wait that an error requested is over', async () => {
    const time = new VirtualTime();
    const log: string[] = [];
    let calls = 0;
    const options = { ...time.options(), maxChunkItems: 1, concurrency: 3, retry: {} };
    const run = runRanges(6, options, async (start) => {
      log.push(`${start} at ${time.nowMs - 1000}`);
      calls += 1;
      const isLimited = calls === 1;
      await time.sleep(isLimited ? 10 : 20);
      return isLimited ? err({ status: 429, retryAfterMs: 1000 }) : ok(null);
    });
    unwrap(await time.until(run));
    expect(log).toEqual(['0 at 0', '1 at 0', '2 at 0', '0 at 1010', '3 at 1010', '4 at 1010', '5 at 1030']);
  });

  it('waits as long as the longest of several waits that errors request', async () => {
    const answers = { 0: [() => err({ retryAfterMs: 900 })], 1: [() => err({ retryAfterMs: 300 })] };
    const { log } = await play(2, { retry: {}, concurrency: 2 }, answers);
    expect(log).toEqual(['0 at 0', '1 at 0', '0 at 900', '1 at 900']);
  });

  it('does not pause the fallback when the first function requests a wait', async () => {
    const log: string[] = [];
    const fallback = (start: number) => ok(log.push(`fallback ${start}`));
    const limited = () => err({ status: 429, retryAfterMs: 40_000 });
    const { elapsedMs } = await play(1, { retry: { attempts: 1 }, fallback }, { 0: [limited, limited] });
    expect(log).toEqual(['fallback 0']);
    expect(elapsedMs).toBe(40_000);
  });

  it('does not retry when an error requests a longer wait than maxDelayMs', async () => {
    const retry = { maxDelayMs: 5000 };
    const asking = (retryAfterMs: number) => ({ 0: [() => err({ status: 429, retryAfterMs })] });
    expect(expectError((await play(1, { retry }, asking(5001))).result).kind).toBe('chunk-failed');
    expect(unwrap((await play(1, { retry }, asking(5000))).result).attemptCount).toBe(2);
    expect(expectError((await play(1, { retry: {} }, asking(Infinity))).result).kind).toBe('chunk-failed');
  });

  it('supports waits that are longer than the longest timer of Node', async () => {
    const days = 40 * 24 * 3600 * 1000;
    const { log } = await play(1, { retry: { maxDelayMs: Infinity } }, { 0: [() => err({ retryAfterMs: days })] });
    expect(log).toEqual(['0 at 0', `0 at ${days}`]);
    const delays: number[] = [];
    const timers = {
      after: (delayMs: number, action: () => void) => (delays.push(delayMs), setImmediate(action)),
      cancel: (timer: unknown) => clearImmediate(timer as NodeJS.Immediate),
    };
    const retry = { delayMs: 2 ** 40, maxDelayMs: Infinity };
    let calls = 0;
    unwrap(await runRanges(1, { timers, retry, chunkTimeoutMs: Infinity }, () => (calls++ === 0 ? fault() : ok(1))));
    expect(delays).toEqual([2 ** 31 - 1]);
  });
});

describe('the end of a run during the wait before a retry', () => {
  it.each([
    ['its own delay', fault],
    ['a wait that the error asked for', () => err({ kind: 'fault', message: 'busy', retryAfterMs: 10_000 })],
  ])('ends at once when the deadline passes during %s', async (_what, answer) => {
    const options = { retry: { ...NO_JITTER, delayMs: 10_000 }, deadlineMs: 50 };
    const { result, elapsedMs, log } = await play(3, options, { 1: times(4, answer) });
    const error = expectError(result);
    expect(error).toMatchObject({ kind: 'deadline-exceeded', chunkIndex: 1, range: { start: 1 } });
    expect(error.partial.done).toEqual([{ start: 0, end: 1 }]);
    expect(error.partial.attempts.map(({ outcome }) => outcome)).toEqual(['success', 'device-fault']);
    expect(elapsedMs).toBe(50);
    expect(log).toHaveLength(2);
  });

  it.each([
    ['its own delay', fault],
    ['a wait that the error asked for', () => err({ kind: 'fault', message: 'busy', retryAfterMs: 10_000 })],
  ])('ends at once when the caller aborts during %s', async (_what, answer) => {
    const controller = new AbortController();
    const abortSoon = () => {
      setImmediate(() => setImmediate(() => controller.abort()));
      return answer();
    };
    const signal = controller.signal;
    const time = new VirtualTime();
    const retry = { ...NO_JITTER, delayMs: 10_000 };
    // The clock stands still, so only the abort can end the run.
    const result = await runRanges(1, { ...time.options(), retry, signal }, abortSoon);
    expect(expectError(result)).toMatchObject({ kind: 'aborted', partial: { attemptCount: 1 } });
    expect(time.pending).toBe(0);
  });
});

it.each<[object, typeof TypeError | typeof RangeError, string]>([
  [{ retry: null }, TypeError, 'retry'],
  [{ retry: 3 }, TypeError, 'retry'],
  [{ retry: { attempts: -1 } }, RangeError, 'retry.attempts'],
  [{ retry: { attempts: 1.5 } }, RangeError, 'retry.attempts'],
  [{ retry: { attempts: '3' } }, TypeError, 'retry.attempts'],
  [{ retry: { delayMs: -1 } }, RangeError, 'retry.delayMs'],
  [{ retry: { maxDelayMs: NaN } }, RangeError, 'retry.maxDelayMs'],
  [{ retry: { retryIf: true } }, TypeError, 'retry.retryIf'],
  [{ retry: { random: 0.5 } }, TypeError, 'retry.random'],
])('rejects the options %o before anything is called', async (options, error, name) => {
  let calls = 0;
  const run = runRanges(1, options, () => ok((calls += 1)));
  await expect(run).rejects.toThrow(error);
  await expect(run).rejects.toThrow(name);
  expect(calls).toBe(0);
});
