import { describe, expect, it } from 'vitest';
import { createMatrix, unwrap, type Backend, type DecisionSlot, type DeviceView } from '@gearshift/contracts';
import { thresholdPolicy } from '@gearshift/policies';
import { createFakeGpuBackend, createOracleBackend, type FakeOutcome } from '@gearshift/testing';
import { NO_METRICS } from '@gearshift/tracker';
import { createDispatcher, type FallbackMode } from '../src/index.js';
import { scriptedPolicy } from './placement-setup.js';

const matrix = createMatrix(
  Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
  { dimensions: 2 },
);
const REQUEST = { operation: 'top-k', query: Float32Array.of(1, 1), matrix, k: 1 } as const;

/** A GPU that ends each call with the outcome set last. */
function gpu(id = 'fake:0') {
  let outcome: FakeOutcome = 'success';
  const backend = createFakeGpuBackend({ id, script: () => outcome });
  return { backend, is: (now: FakeOutcome) => void (outcome = now), calls: () => backend.calls.length };
}

/** The same backend, which says how many lost devices it has replaced. */
function withEpoch(backend: Backend, epoch: () => number): Backend {
  return new Proxy(backend, {
    get(target, name) {
      if (name === 'epoch') return epoch();
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function setUp(
  gpus: readonly Backend[],
  {
    fallback,
    write,
  }: { fallback?: FallbackMode; write?: (out: DecisionSlot, views: readonly DeviceView[]) => void } = {},
) {
  const scripted = scriptedPolicy((out, views) => {
    out.predictedMs = 1;
    out.alternativeMs = 2;
    write?.(out, views);
  });
  const dispatcher = createDispatcher({
    backends: [...gpus, createOracleBackend('cpu')],
    policy: scripted.policy,
    tracker: { snapshot: () => NO_METRICS, record: () => {} },
    fallback,
    verifyEveryNth: 0,
  });
  const run = async () => {
    const result = await dispatcher.run(REQUEST);
    const { decision, attempts } = result.ok ? result.value : result.error;
    const where = decision === null ? '-' : `${decision.backend} ${decision.reason}`;
    return `${where}: ${attempts.map(({ backend, outcome }) => `${backend} ${outcome}`).join(', ')}`;
  };
  return { ...scripted, dispatcher, run };
}

describe('dispatcher with a GPU that keeps failing', () => {
  it('skips the GPU after four faults, probes it once skipping has cost enough, and uses it again after a successful probe', async () => {
    const device = gpu();
    device.is('fault');
    const { run, dispatcher, shown } = setUp([device.backend]);
    for (let i = 0; i < 4; i++) expect(await run()).toBe('fake:0 predicted-faster: fake:0 fault, cpu success');
    // Each request that goes elsewhere is believed to cost 1 ms more; a failed attempt took less than that or little more.
    const seen = [await run(), await run()];
    let tries = 0;
    while (!seen.at(-1)?.includes('probe') && tries++ < 1000) seen.push(await run());
    expect(seen.at(-1)).toBe('fake:0 probe: fake:0 fault, cpu success');
    expect(seen.slice(0, -1).every((one) => one === 'cpu breaker-open: cpu success')).toBe(true);
    expect(shown.at(-1)?.[0].blocked).toBe(true);

    device.is('success');
    const until: string[] = [];
    while (!until.at(-1)?.includes('probe') && tries++ < 2000) until.push(await run());
    expect(until.at(-1)).toBe('fake:0 probe: fake:0 success');
    expect(await run()).toBe('fake:0 predicted-faster: fake:0 success');
    expect(shown.at(-1)?.[0].blocked).toBe(false);
    expect(dispatcher.decisions('top-k')['breaker-open']).toBe(seen.length + until.length - 2);
  });

  it('estimates the cost of skipping a GPU from the averages of the operation when the policy predicts nothing', async () => {
    const device = gpu();
    const policy = thresholdPolicy({ gpuMinBatchSize: 0 });
    const dispatcher = createDispatcher({
      backends: [device.backend, createOracleBackend('cpu')],
      policy,
      tracker: { snapshot: () => ({ ...NO_METRICS, cpuAvgMs: 1010, gpuAvgMs: 10, speedup: 101 }), record: () => {} },
      verifyEveryNth: 0,
    });
    device.is('timeout');
    unwrap(await dispatcher.run(REQUEST));
    expect(dispatcher.breaker('fake:0')?.state).toBe('open');
    device.is('success');
    // A second is more than a failed attempt took.
    expect(await dispatcher.run(REQUEST)).toMatchObject({ ok: true, value: { decision: { reason: 'probe' } } });
    expect(dispatcher.breaker('fake:0')?.state).toBe('closed');
  });

  it('lets the policy choose another GPU while the breaker of the first one is open', async () => {
    const [first, second] = [gpu('fake:0'), gpu('fake:1')];
    first.is('invalid-result');
    const { run, shown } = setUp([first.backend, second.backend], {
      write: (out) => void (out.alternativeMs = 1 + 1e-9),
    });
    expect(await run()).toBe('fake:0 predicted-faster: fake:0 invalid-result, fake:1 success');
    expect(await run()).toBe('fake:1 predicted-faster: fake:1 success');
    expect(shown.slice(-2).map((views) => views.map(({ supported }) => supported))).toEqual([
      [true, true, true],
      [false, true, true],
    ]);
    second.is('timeout');
    expect(await run()).toBe('fake:1 predicted-faster: fake:1 timeout, cpu success');
    expect(await run()).toMatch(/^cpu breaker-open: cpu success$|^fake:\d probe/);
  });

  it('does not fall back to a GPU with an open breaker', async () => {
    const [first, second] = [gpu('fake:0'), gpu('fake:1')];
    second.is('timeout');
    const { run } = setUp([first.backend, second.backend], {
      write: (out, views) => {
        out.device = views.findIndex(({ id }) => id === 'fake:0');
        out.alternativeMs = 1;
      },
    });
    first.is('fault');
    expect(await run()).toBe('fake:0 predicted-faster: fake:0 fault, fake:1 timeout, cpu success');
    expect(await run()).toBe('fake:0 predicted-faster: fake:0 fault, cpu success');
  });
});

describe('dispatcher with a dead GPU', () => {
  it('shows a dead GPU to the policy as unsupported and decides with the reason device-dead', async () => {
    const device = gpu();
    device.is('device-lost');
    const { run, shown } = setUp([device.backend], { write: (out) => void (out.reason = 'no-device') });
    expect(await run()).toBe('fake:0 no-device: fake:0 device-lost, cpu success');
    expect(await run()).toBe('cpu device-dead: cpu success');
    expect(shown[1][0]).toMatchObject({ supported: false, blocked: true, bytesToKeep: Infinity });
    expect(device.calls()).toBe(1);
  });

  it('fails with device-lost and without an attempt when strict mode allows only a dead GPU', async () => {
    const device = gpu();
    device.is('device-lost');
    const { run, dispatcher } = setUp([device.backend], {
      fallback: 'never',
      write: (out, views) => {
        out.device = views[0].supported ? 0 : -1;
        out.reason = views[0].supported ? 'forced' : 'no-device';
      },
    });
    expect(await run()).toBe('fake:0 forced: fake:0 device-lost');
    expect(await dispatcher.run(REQUEST)).toMatchObject({
      ok: false,
      error: { kind: 'device-lost', decision: null, attempts: [], message: 'the only allowed device is lost' },
    });
    expect(dispatcher.decisions('top-k')).toMatchObject({ 'device-dead': 1, forced: 1 });
  });

  it('uses a renewed GPU again after a successful probe', async () => {
    const device = gpu();
    device.is('device-lost');
    const { run, dispatcher } = setUp([device.backend]);
    await run();
    device.is('success');
    dispatcher.breaker('fake:0')?.renew();
    let seen = '';
    for (let i = 0; i < 1000 && !seen.includes('probe'); i++) seen = await run();
    expect(seen).toBe('fake:0 probe: fake:0 success');
    expect(await run()).toBe('fake:0 predicted-faster: fake:0 success');
  });
});

describe('dispatcher with a backend that replaces a lost device', () => {
  it('uses the new device after a successful probe', async () => {
    const device = gpu();
    let epoch = 0;
    device.is('device-lost');
    const { run } = setUp([withEpoch(device.backend, () => epoch)]);
    await run();
    expect(await run()).not.toContain('fake:0');
    device.is('success');
    epoch = 1;
    let seen = '';
    for (let i = 0; i < 1000 && !seen.includes('probe'); i++) seen = await run();
    expect(seen).toBe('fake:0 probe: fake:0 success');
  });

  it('does not use it again for the epoch of a device that was lost as well', async () => {
    const device = gpu();
    device.is('device-lost');
    const { run } = setUp([withEpoch(device.backend, () => 1)]);
    // The first loss may be that of the device before: one attempt more finds that the new one is lost, too.
    let tried = 0;
    for (let i = 0; i < 2000; i++) tried += Number((await run()).includes('fake:0 device-lost'));
    expect(tried).toBeLessThanOrEqual(2);
    expect(await run()).not.toContain('fake:0');
  });

  it('does not use it again when the backend fails to say', async () => {
    const device = gpu();
    device.is('device-lost');
    const fail = () => {
      throw new Error('no epoch');
    };
    const { run } = setUp([withEpoch(device.backend, fail)]);
    await run();
    for (let i = 0; i < 100; i++) expect(await run()).not.toContain('fake:0');
  });
});

describe('dispatcher with an isolated GPU', () => {
  it('does not use an isolated GPU until it is restored', async () => {
    const device = gpu();
    const { run, dispatcher } = setUp([device.backend], { write: (out) => void (out.reason = 'no-device') });
    dispatcher.breaker('fake:0')?.isolate();
    expect(await run()).toBe('cpu breaker-open: cpu success');
    dispatcher.breaker('fake:0')?.restore();
    expect(await run()).toBe('fake:0 no-device: fake:0 success');
    expect(dispatcher.breaker('cpu')).toBeUndefined();
    expect(dispatcher.breaker('fake:9')).toBeUndefined();
  });
});

describe('dispatcher in strict mode', () => {
  it('keeps sending requests to the chosen device alone, even while its breaker is open', async () => {
    const device = gpu();
    device.is('fault');
    const { run, dispatcher } = setUp([device.backend], { fallback: 'never' });
    for (let i = 0; i < 20; i++) expect(await run()).toMatch(/^fake:0 (predicted-faster|probe): fake:0 fault$/);
    expect(dispatcher.breaker('fake:0')?.state).toBe('open');
    device.is('success');
    let tries = 0;
    while (dispatcher.breaker('fake:0')?.state !== 'closed' && tries++ < 1000) {
      expect(await run()).toMatch(/^fake:0 (predicted-faster|probe): fake:0 success$/);
    }
    expect(dispatcher.breaker('fake:0')?.state).toBe('closed');
  });
});
