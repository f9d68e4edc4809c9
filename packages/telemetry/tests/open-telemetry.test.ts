import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { TRACING_CHANNELS } from '@gearshift/contracts';
import { LATENCY_BOUNDS_MS } from '@gearshift/tracker';
import { context, SpanStatusCode } from '@opentelemetry/api';
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

  test('are observed from the executor', async () => {
    const metrics = await collect((tracker) => tracker.recordGpuFailure(OPERATION));
    expect(
      valueOf(metrics.get('gearshift.attempts'), { operation: OPERATION, device: 'gpu', outcome: 'failure' }),
    ).toBe(1);
    expect(valueOf(metrics.get('gearshift.breaker.state'), { device: 'cuda:0', state: 'open' })).toBe(1);
    expect(metrics.get('gearshift.memory.usage')?.descriptor.unit).toBe('By');
    const known = new Set(Object.values(METRICS).map(({ name }) => name));
    for (const name of metrics.keys()) expect(known).toContain(name);
  });

  test('durations are recorded as attempts succeed, sync and async, with our bounds', async () => {
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

  test('of attempts, chunks and uploads are children of that of their run', async () => {
    using _instrumentation = instrument();
    const decision = { backend: 'cuda:0', reason: 'predicted-faster' };
    await traced(runChannel, { operation: OPERATION, sync: false }, async () => {
      await traced(uploadChannel, { backend: 'cuda:0', bytes: 100 }, async () => ({ ok: true }));
      await traced(chunkChannel, { name: 'pieces', start: 0, end: 5, fallback: false }, async () => {
        await traced(attemptChannel, { operation: OPERATION, backend: 'cuda:0', fallback: false }, async () => ({
          ...ATTEMPT,
          phases: { queueMs: 1, uploadMs: 2, kernelMs: 3, downloadMs: 4, totalMs: 10, fused: false },
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
    expect(attempt.attributes).toMatchObject({ 'gearshift.kernel_ms': 3, 'gearshift.outcome': 'success' });
    expect(run.parentSpanContext).toBeUndefined();
    expect(run.attributes).toMatchObject({
      'gearshift.device': 'cuda:0',
      'gearshift.reason': 'predicted-faster',
      'gearshift.attempts': 1,
    });
    expect(run.status.code).toBe(SpanStatusCode.UNSET);
  });

  test('of runs at the same time do not mix', async () => {
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

  test('say what went wrong', async () => {
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
  });

  test('are children of the span that is active', async () => {
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

  test('leave nothing behind that every later promise would carry', () => {
    const disable = vi.spyOn(AsyncLocalStorage.prototype, 'disable');
    instrument().dispose();
    expect(disable).toHaveBeenCalledOnce();
    disable.mockRestore();
  });

  test('end with the instrumentation', async () => {
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

test('misuse names the argument', () => {
  const { source } = createSource();
  expect(() => instrumentOpenTelemetry(null as never, {})).toThrow(/^executor: expected/);
  expect(() => instrumentOpenTelemetry(source, { meterProvider: {} as never })).toThrow(/^options\.meterProvider: /);
  expect(() => instrumentOpenTelemetry(source, { tracerProvider: 1 as never })).toThrow(/^options\.tracerProvider: /);
});
