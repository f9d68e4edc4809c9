import { readFileSync } from 'node:fs';
import { AggregatorRegistry, Registry, type MetricObjectWithValues, type MetricValue } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { instrumentPrometheus, METRICS, prometheusName, type MetricName } from '../src/index.js';
import { createSource, FORECAST, GPU } from './source.js';

type Metrics = MetricObjectWithValues<MetricValue<string>>[];
type Changes = Parameters<typeof createSource>[1];

/** What a worker of a cluster sends, for an executor with these readings. */
async function worker(changes: Changes): Promise<Metrics> {
  const registry = new Registry();
  instrumentPrometheus(createSource(undefined, changes).source, { registry });
  return await registry.getMetricsAsJSON();
}

/** The metrics of several workers, as the primary process of a cluster gives them to Prometheus. */
async function aggregate(workers: Metrics[]): Promise<string> {
  // As JSON, because that is how workers send them.
  return AggregatorRegistry.aggregate(JSON.parse(JSON.stringify(workers)) as object[]).metrics();
}

/** The values of all series with this name and these labels. */
function values(text: string, name: string, labels = ''): number[] {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
  return lines.map((line) => Number(line.slice(line.lastIndexOf(' '))));
}

const breaker = (state: 'open' | 'closed' | 'dead') => ({ ...GPU.breaker, state });
const memory = (pressureRatio: number) => ({ ...GPU.memory, pressureRatio });
const gpu = (changes: object): Changes => ({ devices: [{ ...GPU, ...changes }] });
const predicted = (predictionError: number): Changes => ({
  forecast: { shapes: (FORECAST?.shapes ?? []).map((shape) => ({ ...shape, predictionError })) },
});

test('ratios and states of two workers stay ratios and states', async () => {
  const half = { successRate: 0.5, speedup: 4, ...gpu({ breaker: breaker('open'), memory: memory(0.96) }) };
  const text = await aggregate([await worker(half), await worker(half)]);
  expect(values(text, 'gearshift_gpu_success_rate')).toEqual([0.5]);
  expect(values(text, 'gearshift_gpu_speedup_ratio')).toEqual([4]);
  expect(values(text, 'gearshift_breaker_state', 'state="open"')).toEqual([1]);
  expect(values(text, 'gearshift_breaker_state', 'state="closed"')).toEqual([0]);
  expect(values(text, 'gearshift_memory_pressure_ratio')).toEqual([0.96]);
  expect(values(text, 'gearshift_prediction_error_ratio')).toEqual([0.25]);
  expect(values(text, 'gearshift_break_even')).toEqual([5000]);
  expect(values(text, 'gearshift_memory_total_bytes')).toEqual([1000]); // one device, which both use
  expect(values(text, 'gearshift_memory_available_bytes')).toEqual([400]);
});

test('counters, held memory and queues of two workers are added', async () => {
  const text = await aggregate([await worker({ fallbackCount: 3 }), await worker({ fallbackCount: 4 })]);
  expect(values(text, 'gearshift_fallbacks_total')).toEqual([7]);
  expect(values(text, 'gearshift_memory_usage_bytes')).toEqual([600]);
  expect(values(text, 'gearshift_residency_operands')).toEqual([6]);
  expect(values(text, 'gearshift_queue_length', 'cuda:0')).toEqual([4]);
  expect(values(text, 'gearshift_regret_seconds')).toEqual([3]);
});

test('a worker without a known speedup does not change that of the others', async () => {
  const text = await aggregate([await worker({ speedup: 0 }), await worker({ speedup: 4 })]);
  expect(values(text, 'gearshift_gpu_speedup_ratio')).toEqual([4]);
});

test('the state of the worst worker stays visible', async () => {
  const workers = ['open', 'closed', 'closed'] as const;
  const text = await aggregate(
    await Promise.all(workers.map((state) => worker(gpu({ breaker: breaker(state), memory: memory(0.1) })))),
  );
  expect(values(text, 'gearshift_breaker_state', 'state="open"')).toEqual([1]);
  const errors = await aggregate([
    await worker(predicted(3)),
    await worker(predicted(0.1)),
    await worker(predicted(0.1)),
  ]);
  expect(values(errors, 'gearshift_prediction_error_ratio')).toEqual([3]);
});

test('only gauges that are amounts are added', () => {
  const added = (Object.keys(METRICS) as MetricName[]).filter((name) => METRICS[name].aggregator === 'sum');
  for (const name of added) expect(prometheusName(METRICS[name])).not.toMatch(/_ratio$|_rate$|_state$/);
  const kept = Object.values(METRICS).filter(({ aggregator }) => aggregator !== 'sum');
  for (const { type } of kept) expect(type).toBe('gauge');
});

describe('alert rules', () => {
  const rules = readFileSync(new URL('../monitoring/alerts.yml', import.meta.url), 'utf8');
  /** Metric, labels, operator and number of a rule that compares one series with a number. */
  const ruleOf = (alert: string) => {
    const found = new RegExp(`alert: ${alert}\\n +expr: (gearshift_\\w+)(?:\\{(.*?)\\})? (==|>) ([\\d.]+)\\n`).exec(
      rules,
    );
    if (found === null) throw new Error(`${alert} is not a comparison with a number`);
    const [, name, labels = '', operator, number] = found;
    return (text: string) =>
      values(text, name, labels).some((value) =>
        operator === '>' ? value > Number(number) : value === Number(number),
      );
  };

  test.each([
    ['GearshiftBreakerOpen', gpu({ breaker: breaker('open') }), gpu({ breaker: breaker('closed') })],
    ['GearshiftDeviceLost', gpu({ breaker: breaker('dead') }), gpu({ breaker: breaker('closed') })],
    ['GearshiftMemoryPressure', gpu({ memory: memory(0.96) }), gpu({ memory: memory(0.6) })],
    ['GearshiftMisprediction', predicted(1.5), predicted(0.6)],
  ])('%s holds for one and for many processes, and not when all are well', async (alert, ill, well) => {
    const fires = ruleOf(alert);
    for (const count of [1, 2, 5]) {
      const healthy = await Promise.all(Array.from({ length: count }, () => worker(well)));
      expect(fires(await aggregate(healthy))).toBe(false);
      expect(fires(await aggregate([await worker(ill), ...healthy]))).toBe(true);
      const allIll = await Promise.all(Array.from({ length: count }, () => worker(ill)));
      expect(fires(await aggregate(allIll))).toBe(true);
    }
    // Without prom-client's aggregation, each process is scraped alone.
    const registry = new Registry();
    instrumentPrometheus(createSource(undefined, ill).source, { registry });
    expect(fires(await registry.metrics())).toBe(true);
  });
});
