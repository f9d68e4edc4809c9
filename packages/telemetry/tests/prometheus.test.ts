import { spawnSync } from 'node:child_process';
import { channel, tracingChannel } from 'node:diagnostics_channel';
import { CHANNELS, DECISION_REASONS, TRACING_CHANNELS } from '@gearshift/contracts';
import { createTracker } from '@gearshift/tracker';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { instrumentPrometheus, METRICS, prometheusName, type OperationReading } from '../src/index.js';
import { createSource, FORECAST, GPU, OPERATION } from './source.js';

/** The lines of one metric. */
const linesOf = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(name));

/** Every line but comments and the histogram. */
const valuesIn = (text: string) =>
  text.split('\n').filter((line) => line.startsWith('gearshift_') && !line.startsWith('gearshift_operation_duration'));

async function scrape(
  record: (tracker: ReturnType<typeof createSource>['tracker']) => void = () => {},
  changes: Partial<OperationReading> = {},
) {
  const { source, tracker, counts } = createSource(undefined, changes);
  const registry = new Registry();
  using _instrumentation = instrumentPrometheus(source, { registry });
  record(tracker);
  return { text: await registry.metrics(), counts };
}

describe('metric names', () => {
  test('follow the naming rules of Prometheus', () => {
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
  test('exports every metric with its type and description', async () => {
    const { text } = await scrape();
    for (const definition of Object.values(METRICS)) {
      expect(text).toContain(`# TYPE ${prometheusName(definition)} ${definition.type}`);
      expect(text).toContain(`# HELP ${prometheusName(definition)} ${definition.help}`);
    }
  });

  test('reads the executor again', async () => {
    const { source, tracker, counts } = createSource();
    const registry = new Registry();
    using _instrumentation = instrumentPrometheus(source, { registry });
    const fallbacks = async () =>
      valuesIn(await registry.metrics()).filter((line) => line.startsWith('gearshift_fallbacks'));
    expect(await fallbacks()).toEqual(['gearshift_fallbacks_total{operation="top-k"} 0']);
    tracker.record({
      ...{ operation: OPERATION, backend: 'cpu', device: 'cpu', outcome: 'success', fallback: true },
      latencyMs: 1,
    });
    expect(await fallbacks()).toEqual(['gearshift_fallbacks_total{operation="top-k"} 1']);
    expect(counts.snapshots).toBe(2);
  });

  test('takes one snapshot per operation', async () => {
    const { counts } = await scrape();
    expect(counts.snapshots).toBe(1);
  });

  test('exports cumulative histograms with the totals of the tracker', async () => {
    const { text } = await scrape((tracker) => {
      for (const ms of [0.001, 0.009, 0.02, 0.02, 3, 20_000, 30_000]) tracker.recordCpuLatency(OPERATION, ms);
    });
    const name = prometheusName(METRICS.duration);
    const buckets = linesOf(text, `${name}_bucket`)
      .filter((line) => line.includes('device="cpu"'))
      .map((line) => ({ le: /le="([^"]+)"/.exec(line)?.[1], count: Number(line.split(' ')[1]) }));
    expect(buckets[0]).toEqual({ le: '0.000008192', count: 1 });
    expect(buckets[1]).toEqual({ le: '0.000016384', count: 2 });
    expect(buckets[2]).toEqual({ le: '0.000032768', count: 4 });
    expect(buckets.at(-2)?.count).toBe(5);
    expect(buckets.at(-1)).toEqual({ le: '+Inf', count: 7 });
    for (let i = 1; i < buckets.length; i++) expect(buckets[i].count).toBeGreaterThanOrEqual(buckets[i - 1].count);
    expect(text).toContain(`${name}_count{operation="top-k",device="cpu"} 7`);
    const [sum] = linesOf(text, `${name}_sum{operation="top-k",device="cpu"}`);
    expect(Number(sum.split(' ')[1])).toBeCloseTo(50.00305, 9);
  });

  test('exports decisions, failures, forecasts and devices', async () => {
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
    expect(valuesIn(text)).toEqual([
      'gearshift_attempts_total{operation="top-k",device="cpu",outcome="success"} 1',
      'gearshift_attempts_total{operation="top-k",device="cpu",outcome="failure"} 0',
      'gearshift_attempts_total{operation="top-k",device="gpu",outcome="success"} 0',
      'gearshift_attempts_total{operation="top-k",device="gpu",outcome="failure"} 1',
      'gearshift_retry_lost_time_seconds_total{operation="top-k",device="cpu"} 0',
      'gearshift_retry_lost_time_seconds_total{operation="top-k",device="gpu"} 0.04',
      ...DECISION_REASONS.map((reason, i) => `gearshift_decisions_total{operation="top-k",reason="${reason}"} ${i}`),
      'gearshift_requests_pending{operation="top-k"} 0',
      'gearshift_requests_refused_total{operation="top-k"} 0',
      'gearshift_requests_merged_total{operation="top-k"} 0',
      'gearshift_fallbacks_total{operation="top-k"} 1',
      'gearshift_ooms_total{operation="top-k"} 1',
      'gearshift_gpu_speedup_ratio{operation="top-k"} 0',
      'gearshift_gpu_success_rate{operation="top-k"} 0',
      'gearshift_prediction_error_ratio{operation="top-k",shape="scan"} 0.25',
      'gearshift_regret_seconds{operation="top-k",shape="scan"} 1.5',
      'gearshift_explorations_total{operation="top-k",shape="scan"} 4',
      'gearshift_break_even{operation="top-k",shape="scan",residency="resident"} 5000',
      'gearshift_breaker_state{device="cuda:0",state="closed"} 0',
      'gearshift_breaker_state{device="cuda:0",state="open"} 1',
      'gearshift_breaker_state{device="cuda:0",state="half-open"} 0',
      'gearshift_breaker_state{device="cuda:0",state="isolated"} 0',
      'gearshift_breaker_state{device="cuda:0",state="dead"} 0',
      'gearshift_breaker_opens_total{device="cuda:0",cause="consecutive-faults"} 2',
      'gearshift_breaker_opens_total{device="cuda:0",cause="hang"} 1',
      'gearshift_breaker_probes_total{device="cuda:0",result="succeeded"} 1',
      'gearshift_breaker_probes_total{device="cuda:0",result="failed"} 3',
      'gearshift_breaker_missed_savings_seconds{device="cuda:0"} 0.25',
      'gearshift_memory_usage_bytes{device="cuda:0"} 300',
      'gearshift_memory_available_bytes{device="cuda:0"} 400',
      'gearshift_memory_total_bytes{device="cuda:0"} 1000',
      'gearshift_memory_pressure_ratio{device="cuda:0"} 0.5',
      'gearshift_residency_usage_bytes{device="cuda:0"} 250',
      'gearshift_residency_operands{device="cuda:0"} 3',
      'gearshift_queue_length{device="cuda:0"} 2',
      'gearshift_queue_length{device="cpu"} 0',
      'gearshift_queue_time_seconds{device="cuda:0"} 0.007',
      'gearshift_queue_time_seconds{device="cpu"} 0',
    ]);
  });

  test('leaves out the available memory of a device that has no limit, and the total if it is unknown', async () => {
    const memory = { totalBytes: null, availableBytes: Infinity, trackedBytes: 300, pressureRatio: 0 };
    const { text } = await scrape(undefined, { devices: [{ ...GPU, memory }] });
    expect(valuesIn(text).filter((line) => line.startsWith('gearshift_memory'))).toEqual([
      'gearshift_memory_usage_bytes{device="cuda:0"} 300',
      'gearshift_memory_pressure_ratio{device="cuda:0"} 0',
    ]);
    expect(valuesIn(text).filter((line) => /inf|nan|null|undefined/i.test(line))).toEqual([]);
  });

  test('leaves out the forecast of a policy that does not predict', async () => {
    const { text } = await scrape(undefined, { forecast: null });
    const forecast = /^gearshift_(prediction_error|regret|explorations|break_even)/;
    expect(valuesIn(text).filter((line) => forecast.test(line))).toEqual([]);
  });

  test('leaves out a prediction error and a break-even that are unknown', async () => {
    const [shape] = FORECAST?.shapes ?? [];
    const unknown = { ...shape, predictionError: null, breakEven: { cold: { items: 70 }, resident: null } };
    const { text } = await scrape(undefined, { forecast: { shapes: [unknown] } });
    const forecast = /^gearshift_(prediction_error|break_even)/;
    expect(valuesIn(text).filter((line) => forecast.test(line))).toEqual([
      'gearshift_break_even{operation="top-k",shape="scan",residency="cold"} 70',
    ]);
  });

  test('exports attempts on the CPU and the GPU before there are any, as far as the tracker counts them', async () => {
    const attemptsOf = async (devices: string[]) => {
      const { source } = createSource(createTracker({ operations: [OPERATION], devices }));
      const registry = new Registry();
      using _instrumentation = instrumentPrometheus(source, { registry });
      return valuesIn(await registry.metrics()).filter((line) => line.startsWith('gearshift_attempts'));
    };
    const noneOn = (device: string) =>
      ['success', 'failure'].map(
        (outcome) => `gearshift_attempts_total{operation="top-k",device="${device}",outcome="${outcome}"} 0`,
      );
    expect(await attemptsOf(['cpu', 'gpu', 'remote'])).toEqual([...noneOn('cpu'), ...noneOn('gpu')]);
    expect(await attemptsOf(['cpu'])).toEqual(noneOn('cpu'));
  });

  test('exports attempts on remote devices once there are any', async () => {
    const remote = /^gearshift_.*device="remote"/;
    const attempt = { operation: OPERATION, backend: 'far', device: 'remote', fallback: false, latencyMs: 40 } as const;
    const remoteLines = async (...outcomes: ('success' | 'fault')[]) => {
      const tracker = createTracker({ operations: [OPERATION], devices: ['cpu', 'gpu', 'remote'] });
      for (const outcome of outcomes) tracker.record({ ...attempt, outcome });
      const { source } = createSource(tracker);
      const registry = new Registry();
      using _instrumentation = instrumentPrometheus(source, { registry });
      return valuesIn(await registry.metrics()).filter((line) => remote.test(line));
    };
    const attempts = 'gearshift_attempts_total{operation="top-k",device="remote"';
    expect(await remoteLines()).toEqual([]);
    expect(await remoteLines('success')).toEqual([
      `${attempts},outcome="success"} 1`,
      `${attempts},outcome="failure"} 0`,
      'gearshift_retry_lost_time_seconds_total{operation="top-k",device="remote"} 0',
    ]);
    expect(await remoteLines('success', 'fault')).toEqual([
      `${attempts},outcome="success"} 1`,
      `${attempts},outcome="failure"} 1`,
      'gearshift_retry_lost_time_seconds_total{operation="top-k",device="remote"} 0.04',
    ]);
  });

  test('counts the events of its thread until dispose()', async () => {
    const { source } = createSource();
    const registry = new Registry();
    const instrumentation = instrumentPrometheus(source, { registry });
    const chunk = tracingChannel(TRACING_CHANNELS.chunk);
    const publish = async () => {
      channel(CHANNELS.split).publish({ reason: 'memory' });
      channel(CHANNELS.residency).publish({ device: 'cuda:0', kind: 'evicted' });
      for (let i = 0; i < 3; i++) channel(CHANNELS.residency).publish({ device: 'cuda:0', kind: 'kept' });
      channel(CHANNELS.device).publish({ device: 'cuda:0', kind: 'lost' });
      for (let i = 0; i < 3; i++) channel(CHANNELS.device).publish({ device: 'cuda:0', kind: 'renewed' });
      channel(CHANNELS.verify).publish({ device: 'cuda:0', mismatch: null });
      channel(CHANNELS.verify).publish({ device: 'cuda:0', mismatch: null });
      channel(CHANNELS.verify).publish({ device: 'cuda:0', mismatch: {} });
      await chunk.tracePromise(async () => ({ outcome: 'success' }), {});
      // A chunk that throws has no result and is not counted.
      const thrown = new Error('thrown by the caller');
      await expect(chunk.tracePromise(() => Promise.reject(thrown), {})).rejects.toBe(thrown);
    };
    await publish();
    await publish();
    const text = await registry.metrics();
    const events = /^gearshift_(chunks|splits|evictions|devices_lost|verifications)/;
    expect(valuesIn(text).filter((line) => events.test(line))).toEqual([
      'gearshift_chunks_total{outcome="success"} 2',
      'gearshift_splits_total{reason="memory"} 2',
      'gearshift_evictions_total{device="cuda:0"} 2',
      'gearshift_devices_lost_total{device="cuda:0"} 2',
      'gearshift_verifications_total{device="cuda:0",result="match"} 4',
      'gearshift_verifications_total{device="cuda:0",result="mismatch"} 2',
    ]);
    instrumentation.dispose();
    instrumentation.dispose();
    for (const name of Object.values(CHANNELS)) expect(channel(name).hasSubscribers).toBe(false);
    expect(chunk.asyncEnd.hasSubscribers).toBe(false);
    expect(await registry.metrics()).toBe('\n');
  });

  test('works with a registry in the OpenMetrics format', async () => {
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
  test.skipIf(!promtool)(`passes promtool${promtool ? '' : ' (skipped: promtool is not installed)'}`, async () => {
    const { text } = await scrape((tracker) => tracker.recordGpuSuccess(OPERATION, 5));
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});

describe('a wrong argument of instrumentPrometheus', () => {
  const { source } = createSource();

  test('is named when it is not an executor', () => {
    const registry = new Registry();
    const snapshot = () => {};
    for (const wrong of [null, {}, { tracker: source.tracker }, { snapshot }, { snapshot, tracker: {} }]) {
      expect(() => instrumentPrometheus(wrong as never, { registry })).toThrow(
        /^executor: expected an executor, with snapshot\(\) and a tracker that has totals\(\), got /,
      );
    }
  });

  test('is named when it is not a registry', () => {
    const registerMetric = () => {};
    const getSingleMetric = () => undefined;
    for (const registry of [undefined, null, {}, { registerMetric }, { getSingleMetric }]) {
      expect(() => instrumentPrometheus(source, { registry } as never)).toThrow(
        /^options\.registry: expected a Registry of prom-client, got /,
      );
    }
    expect(() => instrumentPrometheus(source, undefined as never)).toThrow(
      'options.registry: expected a Registry of prom-client, got undefined',
    );
  });

  test('is a TypeError that names the nearest option when it is misspelt', () => {
    expect(() => instrumentPrometheus(source, { registri: new Registry() } as never)).toThrow(
      "options: 'registri' is not an option; did you mean 'registry'?",
    );
  });

  test('is named when the registry already has the metrics of an executor', () => {
    const registry = new Registry();
    using _first = instrumentPrometheus(source, { registry });
    expect(() => instrumentPrometheus(source, { registry })).toThrow(
      new TypeError(
        'options.registry: gearshift_operation_duration_seconds is already registered; to fix it: pass a registry of its own for each executor',
      ),
    );
  });
});
