import { channel, tracingChannel } from 'node:diagnostics_channel';
import { TRACING_CHANNELS } from '@gearshift/contracts';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { instrumentOpenTelemetry, instrumentPrometheus, traceClusterWorker } from '../src/index.js';
import { createSource, OPERATION } from './source.js';

const SHARD = { backend: 'cluster:0', operation: OPERATION, shard: 3, outcome: 'success', latencyMs: 4, asked: 1 };

/** What a cluster says in a minute. */
function publishEvents(): void {
  channel('gearshift:shard').publish({ ...SHARD, traceId: '' });
  channel('gearshift:shard').publish({ ...SHARD, latencyMs: 30, traceId: '' });
  channel('gearshift:shard').publish({ ...SHARD, outcome: 'stale', latencyMs: 60_000, traceId: '' });
  channel('gearshift:hedge').publish({ operation: OPERATION, shard: 3 });
  channel('gearshift:repair').publish({ kind: 'matrix', cause: 'lost', outcome: 'success' });
  channel('gearshift:repair').publish({ kind: 'matrix', cause: 'leaving', outcome: 'unreachable' });
  channel('gearshift:copies').publish({ backend: 'cluster:0', wanted: 8, held: 8 });
  channel('gearshift:copies').publish({ backend: 'cluster:0', wanted: 8, held: 6 });
  channel('gearshift:answer').publish({ operation: OPERATION, shard: 1, status: 'ok', latencyMs: 1, traceId: '' });
}

test('Prometheus gets counts and a histogram of the events of a cluster, until dispose()', async () => {
  const registry = new Registry();
  const instrumentation = instrumentPrometheus(createSource().source, { registry });
  publishEvents();
  const text = await registry.metrics();
  const lines = text.split('\n').filter((line) => line.startsWith('gearshift_cluster'));
  const durations = 'gearshift_cluster_shard_duration_seconds';
  expect(lines.filter((line) => !line.includes('_bucket'))).toEqual([
    `${durations}_sum{operation="top-k",outcome="success"} 0.034`,
    `${durations}_count{operation="top-k",outcome="success"} 2`,
    `${durations}_sum{operation="top-k",outcome="stale"} 60`,
    `${durations}_count{operation="top-k",outcome="stale"} 1`,
    'gearshift_cluster_hedges_total{operation="top-k"} 1',
    'gearshift_cluster_answers_total{operation="top-k",status="ok"} 1',
    'gearshift_cluster_repairs_total{cause="lost",outcome="success"} 1',
    'gearshift_cluster_repairs_total{cause="leaving",outcome="unreachable"} 1',
    'gearshift_cluster_copies_wanted{device="cluster:0"} 8',
    'gearshift_cluster_copies_lacking{device="cluster:0"} 2',
  ]);
  const buckets = lines.filter((line) => line.includes('_bucket') && line.includes('success'));
  const countAt = (bound: string) => buckets.find((line) => line.includes(`le="${bound}"`))?.split(' ')[1];
  expect(countAt('0.002097152')).toBe('0');
  expect(countAt('0.004194304')).toBe('1');
  expect(countAt('0.033554432')).toBe('2');
  expect(countAt('+Inf')).toBe('2');
  instrumentation.dispose();
  for (const name of ['shard', 'hedge', 'repair', 'copies', 'answer', 'trace']) {
    expect(channel(`gearshift:${name}`).hasSubscribers).toBe(false);
  }
});

test('OpenTelemetry gets the same counts and durations', async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const meterProvider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
  const instrumentation = instrumentOpenTelemetry(createSource().source, { meterProvider });
  publishEvents();
  await meterProvider.forceFlush();
  const [{ scopeMetrics }] = exporter.getMetrics();
  instrumentation.dispose();
  await meterProvider.shutdown();
  const pointsOf = (name: string) =>
    scopeMetrics
      .flatMap(({ metrics }) => metrics)
      .find(({ descriptor }) => descriptor.name === `gearshift.cluster.${name}`)
      ?.dataPoints.map(({ attributes, value }) => ({ attributes, value }));
  expect(pointsOf('shard.duration')).toMatchObject([
    { attributes: { operation: 'top-k', outcome: 'success' }, value: { count: 2, sum: 0.034 } },
    { attributes: { operation: 'top-k', outcome: 'stale' }, value: { count: 1, sum: 60 } },
  ]);
  expect(pointsOf('hedges')).toEqual([{ attributes: { operation: 'top-k' }, value: 1 }]);
  expect(pointsOf('copies.lacking')).toEqual([{ attributes: { device: 'cluster:0' }, value: 2 }]);
});

test('spans of shards are children of the attempt, and those of a worker are in the same trace', async () => {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const instrumentation = instrumentOpenTelemetry(createSource().source, { tracerProvider });
  const asked = { backend: 'cluster:0', operation: OPERATION, traceId: undefined as string | undefined };
  const attempt = { operation: OPERATION, backend: 'cluster:0', fallback: false };
  await tracingChannel<unknown, object>(TRACING_CHANNELS.attempt).tracePromise(async () => {
    channel('gearshift:trace').publish(asked);
    channel('gearshift:shard').publish({ ...SHARD, traceId: asked.traceId });
    channel('gearshift:shard').publish({ ...SHARD, outcome: 'timeout', traceId: asked.traceId });
    // Of a request that began before.
    channel('gearshift:shard').publish({ ...SHARD, traceId: 'f'.repeat(32) });
    return { outcome: 'success' };
  }, attempt);
  instrumentation.dispose();
  const parent = exporter
    .getFinishedSpans()
    .find(({ name }) => name === 'gearshift attempt cluster:0')
    ?.spanContext();
  expect(asked.traceId).toBe(parent?.traceId);
  const shards = exporter.getFinishedSpans().filter(({ name }) => name === 'gearshift shard 3');
  expect(shards.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([parent?.spanId, parent?.spanId]);
  expect(shards.map(({ status }) => status.message)).toEqual([undefined, 'timeout']);
  const { startTime, endTime } = shards[0];
  const tookMs = 1000 * (endTime[0] - startTime[0]) + (endTime[1] - startTime[1]) / 1e6;
  expect(Math.abs(tookMs - SHARD.latencyMs)).toBeLessThan(0.01);

  // In the process of the worker, which has no executor.
  exporter.reset();
  const worker = traceClusterWorker({ tracerProvider });
  const answer = { operation: OPERATION, shard: 3, status: 'ok', latencyMs: 2 };
  channel('gearshift:answer').publish({ ...answer, traceId: asked.traceId });
  channel('gearshift:answer').publish({ ...answer, traceId: '0'.repeat(32) });
  worker.dispose();
  channel('gearshift:answer').publish({ ...answer, traceId: asked.traceId });
  const spans = exporter.getFinishedSpans();
  expect(spans.map(({ name }) => name)).toEqual(['gearshift answer']);
  expect(spans[0].spanContext().traceId).toBe(asked.traceId);
  expect(() => traceClusterWorker({} as never)).toThrow(/^options\.tracerProvider: expected a TracerProvider/);
  context.disable();
});
