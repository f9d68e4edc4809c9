import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, tracingChannel } from 'node:diagnostics_channel';
import { CHANNELS, TRACING_CHANNELS } from '@gearshift/contracts';
import { expected } from '@gearshift/contracts/internal';
import { LATENCY_BOUNDS_MS } from '@gearshift/tracker';
import { context, ProxyTracerProvider, SpanStatusCode, type Meter } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type MetricData,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { instrumentOpenTelemetry, METRICS } from '../src/index.js';
import { createSource, OPERATION } from './source.js';

const attemptChannel = tracingChannel<unknown, object>(TRACING_CHANNELS.attempt);
const runChannel = tracingChannel<unknown, object>(TRACING_CHANNELS.run);
const chunkChannel = tracingChannel<unknown, object>(TRACING_CHANNELS.chunk);
const splitChannel = channel(CHANNELS.split);
const uploadChannel = tracingChannel<unknown, object>(TRACING_CHANNELS.upload);

const ATTEMPT = {
  operation: OPERATION,
  backend: 'cuda:0',
  device: 'gpu',
  outcome: 'success',
  latencyMs: 4,
  fallback: false,
};

const traced = (channel: typeof attemptChannel, event: object, work: () => Promise<unknown>) =>
  channel.tracePromise(work, event);

describe('metrics', () => {
  async function collect(record: (tracker: ReturnType<typeof createSource>['tracker']) => Promise<void> | void) {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const meterProvider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
    const { source, tracker } = createSource();
    const instrumentation = instrumentOpenTelemetry(source, { meterProvider });
    await record(tracker);
    await meterProvider.forceFlush();
    const [{ scopeMetrics }] = exporter.getMetrics();
    instrumentation.dispose();
    await meterProvider.shutdown();
    return new Map(scopeMetrics.flatMap(({ metrics }) => metrics).map((metric) => [metric.descriptor.name, metric]));
  }
  const valueOf = (metric: MetricData | undefined, attributes: Record<string, string>) =>
    metric?.dataPoints.find((point) => JSON.stringify(point.attributes) === JSON.stringify(attributes))?.value;

  test('read the executor when they are collected', async () => {
    const metrics = await collect((tracker) => tracker.recordGpuFailure(OPERATION));
    expect(
      valueOf(metrics.get('gearshift.attempts'), { operation: OPERATION, device: 'gpu', outcome: 'failure' }),
    ).toBe(1);
    expect(valueOf(metrics.get('gearshift.breaker.state'), { device: 'cuda:0', state: 'open' })).toBe(1);
    expect(metrics.get('gearshift.memory.usage')?.descriptor.unit).toBe('By');
    const known = new Set(Object.values(METRICS).map(({ name }) => name));
    for (const name of metrics.keys()) expect(known).toContain(name);
  });

  test('record the durations of successful attempts, synchronous and asynchronous, with the bounds of the tracker', async () => {
    const metrics = await collect(async () => {
      await traced(attemptChannel, {}, async () => ATTEMPT);
      await traced(attemptChannel, {}, async () => ({ ...ATTEMPT, outcome: 'fault' }));
      attemptChannel.traceSync(() => ATTEMPT, {});
    });
    const [point] = metrics.get('gearshift.operation.duration')?.dataPoints ?? [];
    expect(point.attributes).toEqual({ operation: OPERATION, device: 'gpu' });
    expect(point.value).toMatchObject({ count: 2, sum: 0.008 });
    expect((point.value as { buckets: { boundaries: number[] } }).buckets.boundaries).toEqual(
      LATENCY_BOUNDS_MS.map((ms) => Number((ms / 1000).toPrecision(12))),
    );
  });
});

describe('several executors on one provider', () => {
  function setUp() {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const spans = new InMemorySpanExporter();
    return {
      meterProvider: new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] }),
      tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }),
      spans,
      async points(name: string) {
        const [{ scopeMetrics }] = exporter.getMetrics().slice(-1);
        const found = scopeMetrics.flatMap(({ metrics }) => metrics).find(({ descriptor }) => descriptor.name === name);
        return found?.dataPoints.map(({ attributes, value }) => ({ attributes, value })) ?? [];
      },
    };
  }
  const attempts = { operation: OPERATION, device: 'gpu', outcome: 'success' };

  test('have an attribute that tells their counts apart, and each duration and span is recorded once', async () => {
    const { meterProvider, tracerProvider, spans, points } = setUp();
    const [first, second] = [createSource(), createSource()];
    const one = instrumentOpenTelemetry(first.source, { meterProvider, tracerProvider, executor: 'one' });
    const two = instrumentOpenTelemetry(second.source, { meterProvider, tracerProvider, executor: 'two' });
    for (let i = 0; i < 5; i++) {
      first.tracker.recordGpuSuccess(OPERATION, 4);
      await traced(attemptChannel, { operation: OPERATION, backend: 'cuda:0', fallback: false }, async () => ATTEMPT);
    }
    splitChannel.publish({ name: 'run', total: 2, chunkItems: 1, reason: 'memory' });
    await meterProvider.forceFlush();
    expect(await points('gearshift.attempts')).toEqual(
      expect.arrayContaining([
        { attributes: { ...attempts, executor: 'one' }, value: 5 },
        { attributes: { ...attempts, executor: 'two' }, value: 0 },
      ]),
    );
    expect(await points('gearshift.operation.duration')).toEqual([
      { attributes: { operation: OPERATION, device: 'gpu' }, value: expect.objectContaining({ count: 5 }) },
    ]);
    expect(await points('gearshift.splits')).toEqual([{ attributes: { reason: 'memory' }, value: 1 }]);
    expect(spans.getFinishedSpans()).toHaveLength(5);

    one.dispose();
    one.dispose(); // has no effect on the other
    await traced(attemptChannel, { operation: OPERATION, backend: 'cuda:0', fallback: false }, async () => ATTEMPT);
    expect(spans.getFinishedSpans()).toHaveLength(6);
    two.dispose();
    await traced(attemptChannel, { operation: OPERATION, backend: 'cuda:0', fallback: false }, async () => ATTEMPT);
    expect(spans.getFinishedSpans()).toHaveLength(6);
    expect(attemptChannel.hasSubscribers).toBe(false);
    await meterProvider.shutdown();
  });

  test('are refused without different names, because the last one would overwrite the counts of the others', () => {
    const { meterProvider } = setUp();
    using _first = instrumentOpenTelemetry(createSource().source, { meterProvider });
    expect(() => instrumentOpenTelemetry(createSource().source, { meterProvider })).toThrow(
      'options.executor: expected a name that no other executor on this meterProvider has, got none; to fix it: pass a different executor for each, for example { executor: "second" }',
    );
    using _second = instrumentOpenTelemetry(createSource().source, { meterProvider, executor: 'second' });
    expect(() => instrumentOpenTelemetry(createSource().source, { meterProvider, executor: 'second' })).toThrow(
      'got "second"',
    );
    for (const executor of ['', 7, null] as string[]) {
      expect(() => instrumentOpenTelemetry(createSource().source, { meterProvider, executor })).toThrow(TypeError);
    }
  });

  test('cannot be the same executor twice, and may be again after dispose()', () => {
    const { meterProvider, tracerProvider } = setUp();
    const { source } = createSource();
    const instrumentation = instrumentOpenTelemetry(source, { meterProvider, tracerProvider });
    for (const executor of [undefined, 'again']) {
      expect(() => instrumentOpenTelemetry(source, { meterProvider, tracerProvider, executor })).toThrow(
        'executor: it is already instrumented with this meterProvider; to fix it: dispose of the earlier instrumentation first',
      );
    }
    instrumentation.dispose();
    instrumentOpenTelemetry(source, { meterProvider, tracerProvider }).dispose();
    expect(attemptChannel.hasSubscribers).toBe(false);
  });

  test('make one span each if the same provider is given directly and through a proxy', async () => {
    const { tracerProvider, spans } = setUp();
    const proxy = new ProxyTracerProvider();
    proxy.setDelegate(tracerProvider);
    using _direct = instrumentOpenTelemetry(createSource().source, { tracerProvider });
    using _through = instrumentOpenTelemetry(createSource().source, { tracerProvider: proxy });
    await traced(attemptChannel, { operation: OPERATION, backend: 'cuda:0', fallback: false }, async () => ATTEMPT);
    expect(spans.getFinishedSpans()).toHaveLength(1);
  });
});

describe('instruments', () => {
  /** Remembers what is created, and the callback that reads the executor. */
  function createRecordingMeter() {
    const created: unknown[] = [];
    const callbacks: unknown[] = [];
    const create = (type: string) => (name: string, options: object) => {
      const instrument = { type, name, ...options };
      created.push(instrument);
      return { ...instrument, record: () => {} };
    };
    const meter = {
      createObservableCounter: create('counter'),
      createObservableGauge: create('gauge'),
      createHistogram: create('histogram'),
      addBatchObservableCallback: (...callback: unknown[]) => callbacks.push(callback),
      removeBatchObservableCallback: (...callback: unknown[]) => callbacks.push(['removed', ...callback]),
    };
    return { meterProvider: { getMeter: () => meter as unknown as Meter }, created, callbacks };
  }

  test('have the type, unit and description of their metric, one for each', () => {
    const { meterProvider, created } = createRecordingMeter();
    using _instrumentation = instrumentOpenTelemetry(createSource().source, { meterProvider });
    const { duration, shardDuration, ...observed } = METRICS;
    const instruments = [...Object.values(observed), duration, shardDuration].map(({ type, name, unit, help }) => ({
      ...{ type, name, unit, description: help },
      ...(type === 'histogram'
        ? { advice: { explicitBucketBoundaries: LATENCY_BOUNDS_MS.map((ms) => Number((ms / 1000).toPrecision(12))) } }
        : {}),
    }));
    expect(created).toEqual(instruments);
  });

  test('are no longer read or recorded after dispose()', () => {
    const { meterProvider, callbacks } = createRecordingMeter();
    const instrumentation = instrumentOpenTelemetry(createSource().source, { meterProvider });
    expect(callbacks).toHaveLength(1);
    expect([attemptChannel.end.hasSubscribers, attemptChannel.asyncEnd.hasSubscribers]).toEqual([true, true]);
    expect([channel(CHANNELS.split).hasSubscribers, chunkChannel.asyncEnd.hasSubscribers]).toEqual([true, true]);
    instrumentation.dispose();
    const [added, removed] = callbacks as [unknown[], unknown[]];
    expect(removed[0]).toBe('removed');
    expect(removed[1]).toBe(added[0]);
    expect(removed[2]).toBe(added[1]);
    expect([attemptChannel.end.hasSubscribers, attemptChannel.asyncEnd.hasSubscribers]).toEqual([false, false]);
    expect([channel(CHANNELS.split).hasSubscribers, chunkChannel.asyncEnd.hasSubscribers]).toEqual([false, false]);
  });

  test('of the durations ignore an attempt that throws', async () => {
    const { meterProvider } = createRecordingMeter();
    using _instrumentation = instrumentOpenTelemetry(createSource().source, { meterProvider });
    const thrown = new Error('thrown by the device');
    await expect(traced(attemptChannel, {}, () => Promise.reject(thrown))).rejects.toBe(thrown);
  });
});

describe('spans', () => {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const instrument = () => instrumentOpenTelemetry(createSource().source, { tracerProvider });
  afterEach(() => exporter.reset());
  const spanOf = (name: string) => {
    const span = exporter.getFinishedSpans().find((finished) => finished.name === name);
    if (span === undefined) throw new Error(`there is no span ${name}`);
    return span;
  };

  test('of attempts, chunks and uploads are children of the span of their run', async () => {
    using _instrumentation = instrument();
    const decision = { backend: 'cuda:0', reason: 'predicted-faster' };
    await traced(runChannel, { operation: OPERATION, sync: false }, async () => {
      await traced(uploadChannel, { backend: 'cuda:0', bytes: 100 }, async () => ({ ok: true }));
      await traced(chunkChannel, { name: 'pieces', start: 2, end: 5, fallback: true }, async () => {
        await traced(attemptChannel, { operation: OPERATION, backend: 'cuda:0', fallback: false }, async () => ({
          ...ATTEMPT,
          phases: { queueMs: 1, uploadMs: 2, kernelMs: 3, downloadMs: 4, totalMs: 10, fused: false },
          search: { scanned: 900, examined: 30, rescored: 12, way: 'whole-codes' },
        }));
        return { outcome: 'success' };
      });
      return { ok: true, value: { decision, attempts: [ATTEMPT] } };
    });
    const run = spanOf('gearshift top-k');
    const chunk = spanOf('gearshift chunk');
    expect(spanOf('gearshift upload cuda:0').parentSpanContext?.spanId).toBe(run.spanContext().spanId);
    expect(chunk.parentSpanContext?.spanId).toBe(run.spanContext().spanId);
    const attempt = spanOf('gearshift attempt cuda:0');
    expect(attempt.parentSpanContext?.spanId).toBe(chunk.spanContext().spanId);
    expect(run.parentSpanContext).toBeUndefined();
    expect(attempt.attributes).toEqual({
      'gearshift.operation': OPERATION,
      'gearshift.device': 'cuda:0',
      'gearshift.fallback': false,
      'gearshift.outcome': 'success',
      'gearshift.rows_scanned': 900,
      'gearshift.rows_examined': 30,
      'gearshift.rows_rescored': 12,
      'gearshift.search_way': 'whole-codes',
      'gearshift.queue_ms': 1,
      'gearshift.upload_ms': 2,
      'gearshift.kernel_ms': 3,
      'gearshift.download_ms': 4,
    });
    expect(chunk.attributes).toEqual({
      'gearshift.run': 'pieces',
      'gearshift.start': 2,
      'gearshift.end': 5,
      'gearshift.fallback': true,
      'gearshift.outcome': 'success',
    });
    expect(spanOf('gearshift upload cuda:0').attributes).toEqual({
      'gearshift.device': 'cuda:0',
      'gearshift.bytes': 100,
    });
    expect(run.attributes).toEqual({
      'gearshift.operation': OPERATION,
      'gearshift.sync': false,
      'gearshift.device': 'cuda:0',
      'gearshift.reason': 'predicted-faster',
      'gearshift.attempts': 1,
    });
    for (const span of exporter.getFinishedSpans()) expect(span.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(exporter.getFinishedSpans()).toHaveLength(4);
  });

  test('carry the kind of the error when a run, an attempt, a chunk or an upload fails', async () => {
    using _instrumentation = instrument();
    await traced(runChannel, { operation: OPERATION, sync: true }, async () => {
      await traced(uploadChannel, { backend: 'cuda:0', bytes: 100 }, async () => ({
        ok: false,
        error: { kind: 'out-of-memory' },
      }));
      await traced(chunkChannel, { name: 'pieces', start: 0, end: 5, fallback: false }, async () => ({
        outcome: 'deadline',
      }));
      await traced(attemptChannel, { operation: OPERATION, backend: 'cuda:0', fallback: true }, async () => ({
        ...ATTEMPT,
        outcome: 'fault',
      }));
      return { ok: false, error: { kind: 'device-lost', decision: null, attempts: [ATTEMPT, ATTEMPT] } };
    });
    const failed = (message: string) => ({ code: SpanStatusCode.ERROR, message });
    expect(spanOf('gearshift upload cuda:0').status).toEqual(failed('out-of-memory'));
    expect(spanOf('gearshift chunk').status).toEqual(failed('deadline'));
    expect(spanOf('gearshift attempt cuda:0').status).toEqual(failed('fault'));
    expect(spanOf('gearshift attempt cuda:0').attributes).toEqual({
      'gearshift.operation': OPERATION,
      'gearshift.device': 'cuda:0',
      'gearshift.fallback': true,
      'gearshift.outcome': 'fault',
    });
    expect(spanOf('gearshift top-k').status).toEqual(failed('device-lost'));
    expect(spanOf('gearshift top-k').attributes).toEqual({
      'gearshift.operation': OPERATION,
      'gearshift.sync': true,
      'gearshift.attempts': 2,
    });
  });

  test('of attempts carry the time on the network, and no phases if these cannot be told apart', async () => {
    using _instrumentation = instrument();
    const times = { queueMs: 1, uploadMs: 2, kernelMs: 3, downloadMs: 4, totalMs: 10 };
    const attempt = (backend: string, phases: object) =>
      traced(attemptChannel, { operation: OPERATION, backend, fallback: false }, async () => ({ ...ATTEMPT, phases }));
    await attempt('far', { ...times, fused: false, networkMs: 5 });
    await attempt('fused', { ...times, fused: true, networkMs: 5 });
    expect(spanOf('gearshift attempt far').attributes).toMatchObject({ 'gearshift.network_ms': 5 });
    expect(Object.keys(spanOf('gearshift attempt fused').attributes)).toEqual([
      'gearshift.operation',
      'gearshift.device',
      'gearshift.fallback',
      'gearshift.outcome',
    ]);
  });

  test('of concurrent runs are not mixed up', async () => {
    using _instrumentation = instrument();
    const run = (name: string) =>
      traced(runChannel, { operation: name, sync: false }, async () => {
        await new Promise(setImmediate);
        await traced(attemptChannel, { operation: name, backend: name, fallback: false }, async () => ATTEMPT);
        return { ok: true, value: { decision: null, attempts: [] } };
      });
    await Promise.all([run('a'), run('b'), run('c')]);
    for (const name of ['a', 'b', 'c']) {
      const parent = spanOf(`gearshift ${name}`).spanContext().spanId;
      expect(spanOf(`gearshift attempt ${name}`).parentSpanContext?.spanId).toBe(parent);
    }
  });

  test('carry the error that a run returns or throws', async () => {
    using _instrumentation = instrument();
    await traced(runChannel, { operation: OPERATION }, async () => ({
      ok: false,
      error: { kind: 'device-lost', decision: null, attempts: [] },
    }));
    const event = { operation: 'sync', sync: true };
    expect(() =>
      runChannel.traceSync(() => {
        throw new RangeError('k: expected more');
      }, event),
    ).toThrow(RangeError);
    expect(spanOf('gearshift top-k').status).toEqual({ code: SpanStatusCode.ERROR, message: 'device-lost' });
    const thrown = spanOf('gearshift sync');
    expect(thrown.status.code).toBe(SpanStatusCode.ERROR);
    expect(thrown.events[0].attributes?.['exception.message']).toBe('k: expected more');
    expect(() =>
      runChannel.traceSync(
        () => {
          throw 'a string'; // eslint-disable-line @typescript-eslint/only-throw-error
        },
        { operation: 'careless', sync: true },
      ),
    ).toThrow('a string');
    const [{ attributes }] = spanOf('gearshift careless').events;
    expect(attributes?.['exception.message']).toBe('expected an Error to be thrown, got string');
  });

  test('are not made for a run that began before the instrumentation', async () => {
    const uncaught = vi.fn(); // a listener of a channel that throws causes an uncaught exception
    process.on('uncaughtException', uncaught);
    // Node publishes nothing about a call that began without any subscriber.
    const earlier = { asyncEnd: () => {} } as unknown as Parameters<typeof runChannel.subscribe>[0];
    runChannel.subscribe(earlier);
    let finish: (result: object) => void = () => {};
    const running = traced(
      runChannel,
      { operation: OPERATION, sync: false },
      () => new Promise((resolve) => (finish = resolve)),
    );
    using _instrumentation = instrument();
    finish({ ok: true, value: { decision: null, attempts: [] } });
    await running;
    await new Promise(setImmediate);
    process.off('uncaughtException', uncaught);
    runChannel.unsubscribe(earlier);
    expect(uncaught).not.toHaveBeenCalled();
    expect(exporter.getFinishedSpans()).toEqual([]);
  });

  test('of runs are children of the active span', async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    using _instrumentation = instrument();
    const tracer = tracerProvider.getTracer('test');
    await tracer.startActiveSpan('outer', async (outer) => {
      await traced(runChannel, { operation: OPERATION }, async () => ({
        ok: true,
        value: { decision: null, attempts: [] },
      }));
      outer.end();
    });
    context.disable();
    expect(spanOf('gearshift top-k').parentSpanContext?.spanId).toBe(spanOf('outer').spanContext().spanId);
  });

  test('free the async context at dispose(), so that later promises do not carry it', () => {
    const disable = vi.spyOn(AsyncLocalStorage.prototype, 'disable');
    instrument().dispose();
    expect(disable).toHaveBeenCalledOnce();
    disable.mockRestore();
  });

  test('are no longer made after dispose()', async () => {
    instrument().dispose();
    await traced(runChannel, { operation: OPERATION }, async () => ({
      ok: true,
      value: { decision: null, attempts: [] },
    }));
    expect(exporter.getFinishedSpans()).toEqual([]);
    for (const channel of [runChannel, attemptChannel]) {
      expect([channel.start.hasSubscribers, channel.asyncEnd.hasSubscribers]).toEqual([false, false]);
    }
  });
});

describe('a wrong argument of instrumentOpenTelemetry', () => {
  const { source } = createSource();

  test('is named when it is not an executor or not options', () => {
    expect(() => instrumentOpenTelemetry(null as never, {})).toThrow(/^executor: expected an executor, .*, got null/);
    expect(() => instrumentOpenTelemetry(source, null as never)).toThrow('options: expected an object, got null');
  });

  test.each([
    ['meterProvider', 'a MeterProvider'],
    ['tracerProvider', 'a TracerProvider'],
  ])('is named when %s is not %s', (name, what) => {
    for (const provider of [{}, 1, null]) {
      expect(() => instrumentOpenTelemetry(source, { [name]: provider })).toThrow(
        new TypeError(expected(`options.${name}`, what, provider)),
      );
    }
  });
});

test('says how to install @opentelemetry/api when it is missing', async () => {
  const missing = new Error("Cannot find module '@opentelemetry/api'");
  vi.doMock('node:module', () => ({
    createRequire: () => () => {
      throw missing;
    },
  }));
  vi.resetModules();
  const { loadApi } = await import('../src/load-api.js');
  vi.doUnmock('node:module');
  expect(loadApi).toThrow(
    new Error('@opentelemetry/api is not installed; to fix it: npm install @opentelemetry/api', { cause: missing }),
  );
});
