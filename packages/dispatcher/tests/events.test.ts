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

/** Hears every event while `action` runs, as `name step`, with the message as it was at that step. */
async function listen(action: () => unknown) {
  const heard: [string, Record<string, unknown>][] = [];
  const onDecision = (message: unknown) => heard.push(['decision', message as Record<string, unknown>]);
  const subscriptions = (['run', 'attempt'] as const).map((name) => {
    const traced = tracingChannel<unknown, Record<string, unknown>>(TRACING_CHANNELS[name]);
    const hear = (step: string) => (message: object) => void heard.push([`${name} ${step}`, { ...message }]);
    const handlers = {
      start: hear('start'),
      end: hear('end'),
      asyncStart: hear('asyncStart'),
      asyncEnd: hear('asyncEnd'),
      error: hear('error'),
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
  return heard;
}

describe('diagnostics channels', () => {
  it('tell the whole story of a run that fell back', async () => {
    const heard = await listen(() => dispatcher().run(REQUEST));
    expect(heard.filter(([name]) => / start$|asyncEnd$|decision/.test(name))).toEqual([
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

  it('tell of a synchronous run at its end', async () => {
    const heard = await listen(() => dispatcher().runSync(REQUEST));
    expect(heard.map(([name]) => name)).toEqual(['run start', 'decision', 'attempt start', 'attempt end', 'run end']);
    expect(heard[4][1]).toMatchObject({ sync: true, result: { ok: true } });
    expect(heard[3][1]).toMatchObject({ backend: 'cpu', result: { outcome: 'success' } });
  });

  it('report a mistake of the caller as an error of the run', async () => {
    const heard = await listen(() =>
      dispatcher()
        .run(null as never)
        .catch(() => {}),
    );
    expect(heard.map(([name]) => name)).toContain('run error');
    expect(heard.map(([name]) => name)).not.toContain('decision');
  });

  it('are left alone when nobody listens', async () => {
    // Whoever published without a subscriber would have to get the channel's message past this.
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
