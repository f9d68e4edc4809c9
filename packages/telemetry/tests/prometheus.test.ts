import { spawnSync } from 'node:child_process';
import { channel, tracingChannel } from 'node:diagnostics_channel';
import { CHANNELS, TRACING_CHANNELS } from '@gearshift/contracts';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { instrumentPrometheus, METRICS, prometheusName } from '../src/index.js';
import { createSource, OPERATION } from './source.js';

/** The lines of one metric. */
const linesOf = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(name));

async function scrape(record: (tracker: ReturnType<typeof createSource>['tracker']) => void = () => {}) {
  const { source, tracker, counts } = createSource();
  const registry = new Registry();
  using _instrumentation = instrumentPrometheus(source, { registry });
  record(tracker);
  return { text: await registry.metrics(), counts };
}

describe('names', () => {
  test('follow the rules of Prometheus', () => {
    const names = Object.values(METRICS).map(prometheusName);
    expect(new Set(names).size).toBe(names.length);
    for (const [i, definition] of Object.values(METRICS).entries()) {
      expect(names[i]).toMatch(/^gearshift_[a-z_]+$/);
      expect(names[i].endsWith('_total')).toBe(definition.type === 'counter');
    }
    expect(prometheusName(METRICS.duration)).toBe('gearshift_operation_duration_seconds');
    expect(prometheusName(METRICS.decisions)).toBe('gearshift_decisions_total');
    expect(prometheusName(METRICS.lostTime)).toBe('gearshift_retry_lost_time_seconds_total');
    expect(prometheusName(METRICS.memoryUsage)).toBe('gearshift_memory_usage_bytes');
    expect(prometheusName(METRICS.predictionError)).toBe('gearshift_prediction_error_ratio');
  });
});

describe('a scrape', () => {
  test('tells every metric, with its type', async () => {
    const { text } = await scrape();
    for (const definition of Object.values(METRICS)) {
      expect(text).toContain(`# TYPE ${prometheusName(definition)} ${definition.type}`);
      expect(text).toContain(`# HELP ${prometheusName(definition)} ${definition.help}`);
    }
  });

  test('takes one snapshot of each operation', async () => {
    const { counts } = await scrape();
    expect(counts.snapshots).toBe(1);
  });

  test('has cumulative histograms whose totals are those of the tracker', async () => {
    const { text } = await scrape((tracker) => {
      for (const ms of [0.001, 0.009, 0.02, 0.02, 3, 20_000]) tracker.recordCpuLatency(OPERATION, ms);
    });
    const name = prometheusName(METRICS.duration);
    const buckets = linesOf(text, `${name}_bucket`)
      .filter((line) => line.includes('device="cpu"'))
      .map((line) => ({ le: /le="([^"]+)"/.exec(line)?.[1], count: Number(line.split(' ')[1]) }));
    expect(buckets[0]).toEqual({ le: '0.000008192', count: 1 });
    expect(buckets[1]).toEqual({ le: '0.000016384', count: 2 });
    expect(buckets[2]).toEqual({ le: '0.000032768', count: 4 });
    expect(buckets.at(-2)?.count).toBe(5);
    expect(buckets.at(-1)).toEqual({ le: '+Inf', count: 6 });
    for (let i = 1; i < buckets.length; i++) expect(buckets[i].count).toBeGreaterThanOrEqual(buckets[i - 1].count);
    expect(text).toContain(`${name}_count{operation="top-k",device="cpu"} 6`);
    const [sum] = linesOf(text, `${name}_sum{operation="top-k",device="cpu"}`);
    expect(Number(sum.split(' ')[1])).toBeCloseTo(20.00305, 9);
  });

  test('tells decisions, failures, forecasts and devices', async () => {
    const { text } = await scrape((tracker) => {
      tracker.record({
        ...{ operation: OPERATION, backend: 'cuda:0', device: 'gpu', outcome: 'out-of-memory', fallback: false },
        latencyMs: 40,
      });
      tracker.record({
        ...{ operation: OPERATION, backend: 'cpu', device: 'cpu', outcome: 'success', fallback: true },
        latencyMs: 1,
      });
    });
    for (const line of [
      'gearshift_attempts_total{operation="top-k",device="gpu",outcome="failure"} 1',
      'gearshift_attempts_total{operation="top-k",device="cpu",outcome="success"} 1',
      'gearshift_retry_lost_time_seconds_total{operation="top-k",device="gpu"} 0.04',
      'gearshift_fallbacks_total{operation="top-k"} 1',
      'gearshift_ooms_total{operation="top-k"} 1',
      'gearshift_gpu_success_rate{operation="top-k"} 0',
      'gearshift_decisions_total{operation="top-k",reason="unsupported"} 1',
      'gearshift_prediction_error_ratio{operation="top-k",shape="scan"} 0.25',
      'gearshift_regret_seconds{operation="top-k",shape="scan"} 1.5',
      'gearshift_break_even{operation="top-k",shape="scan",residency="resident"} 5000',
      'gearshift_breaker_state{device="cuda:0",state="open"} 1',
      'gearshift_breaker_state{device="cuda:0",state="closed"} 0',
      'gearshift_breaker_opens_total{device="cuda:0",cause="hang"} 1',
      'gearshift_breaker_probes_total{device="cuda:0",result="failed"} 3',
      'gearshift_breaker_missed_savings_seconds{device="cuda:0"} 0.25',
      'gearshift_memory_usage_bytes{device="cuda:0"} 300',
      'gearshift_memory_pressure_ratio{device="cuda:0"} 0.5',
      'gearshift_residency_usage_bytes{device="cuda:0"} 250',
      'gearshift_queue_length{device="cpu"} 0',
      'gearshift_queue_time_seconds{device="cuda:0"} 0.007',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  test('counts events of its thread, as long as it is there', async () => {
    const { source } = createSource();
    const registry = new Registry();
    const instrumentation = instrumentPrometheus(source, { registry });
    const chunk = tracingChannel(TRACING_CHANNELS.chunk);
    const publish = async () => {
      channel(CHANNELS.split).publish({ reason: 'memory' });
      channel(CHANNELS.residency).publish({ device: 'cuda:0', kind: 'evicted' });
      channel(CHANNELS.residency).publish({ device: 'cuda:0', kind: 'kept' });
      channel(CHANNELS.device).publish({ device: 'cuda:0', kind: 'lost' });
      channel(CHANNELS.verify).publish({ device: 'cuda:0', mismatch: null });
      channel(CHANNELS.verify).publish({ device: 'cuda:0', mismatch: {} });
      await chunk.tracePromise(async () => ({ outcome: 'success' }), {});
    };
    await publish();
    await publish();
    const text = await registry.metrics();
    for (const line of [
      'gearshift_splits_total{reason="memory"} 2',
      'gearshift_evictions_total{device="cuda:0"} 2',
      'gearshift_devices_lost_total{device="cuda:0"} 2',
      'gearshift_verifications_total{device="cuda:0",result="match"} 2',
      'gearshift_verifications_total{device="cuda:0",result="mismatch"} 2',
      'gearshift_chunks_total{outcome="success"} 2',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    instrumentation.dispose();
    instrumentation.dispose();
    for (const name of Object.values(CHANNELS)) expect(channel(name).hasSubscribers).toBe(false);
    expect(await registry.metrics()).toBe('\n');
  });

  test('speaks OpenMetrics', async () => {
    const { source, tracker } = createSource();
    const registry = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    using _instrumentation = instrumentPrometheus(source, { registry });
    tracker.recordCpuLatency(OPERATION, 1);
    for (let i = 0; i < 2; i++) {
      const text = await registry.metrics();
      expect(text).toContain('# TYPE gearshift_attempts counter');
      expect(text).toContain('gearshift_attempts_total{operation="top-k",device="cpu",outcome="success"} 1');
      expect(text.trimEnd().endsWith('# EOF')).toBe(true);
    }
  });

  const promtool = spawnSync('promtool', ['--version']).status === 0;
  test.skipIf(!promtool)(`passes promtool${promtool ? '' : ' (skipped: needs promtool)'}`, async () => {
    const { text } = await scrape((tracker) => tracker.recordGpuSuccess(OPERATION, 5));
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});

describe('misuse', () => {
  test('names the argument', () => {
    const { source } = createSource();
    const registry = new Registry();
    expect(() => instrumentPrometheus({} as never, { registry })).toThrow(/^executor: expected an executor/);
    expect(() => instrumentPrometheus(source, {} as never)).toThrow(/^options\.registry: expected a Registry/);
    expect(() => instrumentPrometheus(source, undefined as never)).toThrow(/^options: expected/);
    using _first = instrumentPrometheus(source, { registry });
    expect(() => instrumentPrometheus(source, { registry })).toThrow(
      /^options\.registry: expected one without metrics of Gearshift, got one that has gearshift_operation_duration/,
    );
  });
});
