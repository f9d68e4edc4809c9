import { channel, subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { CHANNELS, createMatrix, err, TRACING_CHANNELS, unwrap } from '@gearshift/contracts';
import { thresholdPolicy } from '@gearshift/policies';
import { NO_METRICS } from '@gearshift/tracker';
import { createDispatcher } from '../src/index.js';
import { scriptedBackend } from './scripted-backend.js';

const matrix = createMatrix(new Float32Array([1, 0, 0, 1]), { dimensions: 2 });
const REQUEST = { operation: 'cosine-similarity', query: Float32Array.of(1, 0), matrix } as const;
const STEPS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;

function dispatcher() {
  const gpu = scriptedBackend({
    id: 'cuda:0',
    kind: 'gpu',
    act: () => err({ kind: 'fault', message: 'scripted', backend: 'cuda:0' }),
  });
  return createDispatcher({
    backends: [gpu, scriptedBackend({ id: 'cpu', kind: 'cpu' })],
    policy: thresholdPolicy({ gpuMinBatchSize: 0 }),
    tracker: { snapshot: () => NO_METRICS, record: () => {} },
  });
}

/** Collects every event while `action` runs, as `name step`, with a copy of the message at that step. */
async function listen(action: () => unknown) {
  const events: [string, Record<string, unknown>][] = [];
  const onDecision = (message: unknown) => events.push(['decision', message as Record<string, unknown>]);
  const subscriptions = (['run', 'attempt'] as const).map((name) => {
    const traced = tracingChannel<unknown, Record<string, unknown>>(TRACING_CHANNELS[name]);
    const push = (step: string) => (message: object) => void events.push([`${name} ${step}`, { ...message }]);
    const handlers = {
      start: push('start'),
      end: push('end'),
      asyncStart: push('asyncStart'),
      asyncEnd: push('asyncEnd'),
      error: push('error'),
    };
    traced.subscribe(handlers);
    return () => traced.unsubscribe(handlers);
  });
  subscribe(CHANNELS.decision, onDecision);
  try {
    await action();
  } finally {
    unsubscribe(CHANNELS.decision, onDecision);
    for (const stop of subscriptions) stop();
  }
  return events;
}

describe('diagnostics channels', () => {
  it('report every step of a run that fell back', async () => {
    const events = await listen(() => dispatcher().run(REQUEST));
    expect(events.filter(([name]) => / start$|asyncEnd$|decision/.test(name))).toEqual([
      ['run start', { operation: 'cosine-similarity', sync: false }],
      [
        'decision',
        {
          decision: { backend: 'cuda:0', device: 'gpu', reason: 'calibrating', policy: 'threshold' },
          work: expect.objectContaining({ batchSize: 2 }),
          snapshot: NO_METRICS,
        },
      ],
      ['attempt start', { operation: 'cosine-similarity', backend: 'cuda:0', fallback: false }],
      ['attempt asyncEnd', expect.objectContaining({ result: expect.objectContaining({ outcome: 'fault' }) })],
      ['attempt start', { operation: 'cosine-similarity', backend: 'cpu', fallback: true }],
      ['attempt asyncEnd', expect.objectContaining({ result: expect.objectContaining({ outcome: 'success' }) })],
      ['run asyncEnd', expect.objectContaining({ result: expect.objectContaining({ ok: true }) })],
    ]);
  });

  it('report every step of a synchronous run', async () => {
    const events = await listen(() => dispatcher().runSync(REQUEST));
    expect(events.map(([name]) => name)).toEqual(['run start', 'decision', 'attempt start', 'attempt end', 'run end']);
    expect(events[4][1]).toMatchObject({ sync: true, result: { ok: true } });
    expect(events[3][1]).toMatchObject({ backend: 'cpu', result: { outcome: 'success' } });
  });

  it('report a mistake of the caller as a run error', async () => {
    const events = await listen(() =>
      dispatcher()
        .run(null as never)
        .catch(() => {}),
    );
    expect(events.map(([name]) => name)).toContain('run error');
    expect(events.map(([name]) => name)).not.toContain('decision');
  });

  it('get no messages without subscribers', async () => {
    // This replacement of publish() would catch a message that is published without a subscriber.
    const published: unknown[] = [];
    const names = [CHANNELS.decision, ...[TRACING_CHANNELS.run, TRACING_CHANNELS.attempt].flatMap(steps)];
    const channels = names.map((name) => channel(name));
    for (const quiet of channels) quiet.publish = (message) => void published.push(message);
    try {
      unwrap(await dispatcher().run(REQUEST));
      unwrap(dispatcher().runSync(REQUEST));
    } finally {
      for (const quiet of channels) Reflect.deleteProperty(quiet, 'publish');
    }
    expect(published).toEqual([]);
  });
});

function steps(name: string) {
  return STEPS.map((step) => `tracing:${name}:${step}`);
}
