import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { pinnedPolicy } from '@gearshift/policies';
import { createTracker } from '@gearshift/tracker';
import { createCircuitBreaker, createDispatcher } from '../src/index.js';
import { isCallersMistake, thrownAnswer } from '../src/attempts/check-answer.js';
import { cpu, REQUEST, SCORES } from './dispatch-setup.js';

const OPTIONS = { backends: [cpu()], policy: pinnedPolicy('cpu'), tracker: createTracker() };
const dispatcher = createDispatcher(OPTIONS);

describe('a misspelt option of', () => {
  it.each<[string, () => unknown, string]>([
    ['createDispatcher', () => createDispatcher({ ...OPTIONS, fallbck: 'never' } as never), 'fallback'],
    ['memory', () => createDispatcher({ ...OPTIONS, memory: { capByte: 1 } } as never), 'capBytes'],
    ['hangLimits', () => createDispatcher({ ...OPTIONS, hangLimits: { floor: 1 } } as never), 'floorMs'],
    ['updateOptions', () => dispatcher.updateOptions({ verifyEvery: 1 } as never), 'verifyEveryNth'],
    ['run', () => dispatcher.run(REQUEST, undefined, { dedlineMs: 1 } as never), 'deadlineMs'],
    ['the request of run', () => dispatcher.run({ ...REQUEST, begin: 1 } as never), "'begin'"],
    ['runSync', () => dispatcher.runSync({ ...REQUEST, strat: 1 } as never), 'start'],
    ['createCircuitBreaker', () => createCircuitBreaker({ device: 'gpu', lease: 1 } as never), 'leaseMs'],
  ])('%s is a TypeError that names the nearest one', async (_, call, nearest) => {
    const attempt = async () => call();
    await expect(attempt()).rejects.toThrow(TypeError);
    await expect(attempt()).rejects.toThrow('is not an option; did you mean');
    await expect(attempt()).rejects.toThrow(nearest);
  });
});

it('inherited options are a TypeError', async () => {
  const inherit = (options: object) => Object.create(options) as never;
  expect(() => createDispatcher(inherit(OPTIONS))).toThrow('options: expected a plain object');
  expect(() => createDispatcher({ ...OPTIONS, memory: inherit({ capBytes: 1 }) })).toThrow('memory: expected a plain');
  expect(() => dispatcher.updateOptions(inherit({ fallback: 'never' }))).toThrow('options: expected a plain object');
  await expect(dispatcher.run(REQUEST, undefined, inherit({ deadlineMs: 1 }))).rejects.toThrow(
    'expected a plain object',
  );
  expect(() => createCircuitBreaker(inherit({ device: 'gpu' }))).toThrow('options: expected a plain object');
});

it('a missing option is named', () => {
  expect(() => createDispatcher(undefined as never)).toThrow('backends: expected an array of backends, got undefined');
  expect(() => createCircuitBreaker(undefined as never)).toThrow('device: expected a string, got undefined');
});

it('options of a polluted Object.prototype are not read', async () => {
  const pollution = {
    deadlineMs: 0,
    fallback: 'x',
    verifyEveryNth: -1,
    hangLimits: 5,
    memory: 5,
    leaseMs: -1,
    timers: 1,
  };
  const prototype = Object.prototype as Record<string, unknown>;
  Object.assign(prototype, pollution);
  try {
    const made = createDispatcher(OPTIONS);
    made.updateOptions({});
    const ran = await made.run(REQUEST, undefined, {});
    expect(ran.ok && ran.value.output).toEqual(SCORES);
    expect(createCircuitBreaker({ device: 'gpu' }).state).toBe('closed');
  } finally {
    for (const name of Object.keys(pollution)) Reflect.deleteProperty(prototype, name);
  }
});

it('signals of polyfills and errors of another realm are recognised', async () => {
  const signal = { aborted: false, reason: undefined, addEventListener() {}, removeEventListener() {} };
  const ran = await dispatcher.run(REQUEST, undefined, { signal: signal as never });
  expect(ran.ok).toBe(true);
  for (const source of [
    "new TypeError('gone')",
    "new RangeError('gone')",
    "new (class extends TypeError {})('gone')",
  ]) {
    expect(isCallersMistake(runInNewContext(source))).toBe(true);
  }
  expect(isCallersMistake(runInNewContext("new Error('broken')"))).toBe(false);
  expect(thrownAnswer('gpu', runInNewContext("new Error('broken')"))).toMatchObject({
    error: { message: 'gpu: it threw Error: broken' },
  });
});
