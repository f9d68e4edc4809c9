import type { Metric, Registry } from 'prom-client';
import { expected, requireObject } from '@gearshift/contracts/internal';
import { EventCounts } from './event-counts.js';
import { instrumentationOf, type Instrumentation } from './instrumentation.js';
import { LATENCY_BOUNDS_S } from './latency-bounds.js';
import { METRICS, prometheusName, type MetricDefinition, type MetricName } from './metrics.js';
import { readMetrics, type HistogramSample, type Reading, type Sample } from './read-metrics.js';
import { requireSource, type TelemetrySource } from './telemetry-source.js';

export interface PrometheusOptions {
  /** Of prom-client, version 15: where the metrics are put, under names that begin with `gearshift_`. */
  readonly registry: Registry;
}

/**
 * Puts the metrics of an executor into a registry of prom-client. They are read when the registry is: an executor that is not
 * scraped pays nothing, and one that is pays for the scrape alone. Counts are those of all threads that share the executor's
 * tracker, but for decisions and devices, which are the executor's own, and for events, which are its thread's.
 *
 * @throws TypeError for what is no executor or no registry, and when the registry has metrics of these names already: one
 * executor for each registry.
 *
 * @example
 * const registry = new Registry();
 * const instrumentation = instrumentPrometheus(executor, { registry });
 * const text = await registry.metrics();
 */
export function instrumentPrometheus(executor: TelemetrySource, options: PrometheusOptions): Instrumentation {
  requireSource(executor);
  requireObject('options', options);
  const { registry } = options;
  if (typeof registry?.registerMetric !== 'function' || typeof registry.getSingleMetric !== 'function') {
    throw new TypeError(expected('options.registry', 'a Registry of prom-client', registry));
  }
  const names = (Object.keys(METRICS) as MetricName[]).map((name) => [name, prometheusName(METRICS[name])] as const);
  const taken = names.find(([, name]) => registry.getSingleMetric(name) !== undefined);
  if (taken !== undefined) {
    throw new TypeError(`options.registry: expected one without metrics of Gearshift, got one that has ${taken[1]}`);
  }
  const events = new EventCounts();
  const read = onceATurn(() => readMetrics(executor, events));
  for (const [name, prometheus] of names) {
    const metric = new SnapshotMetric(prometheus, METRICS[name], () =>
      name === 'duration' ? read().durations.flatMap(histogramValues) : (read().values.get(name) ?? []).map(plainValue),
    );
    // A registry asks its metrics for their values and their type, and knows no more of them.
    registry.registerMetric(metric as unknown as Metric);
  }
  return instrumentationOf([
    () => events.end(),
    () => {
      for (const [, name] of names) registry.removeSingleMetric(name);
    },
  ]);
}

/** A scrape asks every metric in one turn: all of them answer from one reading. */
function onceATurn(read: () => Reading): () => Reading {
  let reading: Reading | undefined;
  return () => {
    if (reading === undefined) {
      reading = read();
      queueMicrotask(() => (reading = undefined));
    }
    return reading;
  };
}

interface Value {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Where it is not that of the metric. */
  readonly suffix?: string;
}

/** A metric that holds no value of its own. */
class SnapshotMetric {
  /** A registry that speaks OpenMetrics changes it. */
  name: string;
  readonly help: string;
  readonly type: MetricDefinition['type'];
  readonly labelNames: readonly string[];
  readonly aggregator = 'sum';
  readonly #values: () => readonly Value[];

  constructor(name: string, { help, type, labels }: MetricDefinition, values: () => readonly Value[]) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.labelNames = labels;
    this.#values = values;
  }

  get() {
    const { name, help, type, aggregator } = this;
    const values = this.#values().map(({ labels, value, suffix }) =>
      suffix === undefined ? { labels, value } : { labels, value, metricName: `${name}${suffix}` },
    );
    return Promise.resolve({ name, help, type, aggregator, values });
  }

  /** The registry's `resetMetrics()`: there is nothing here to be reset. */
  reset(): void {}
}

const plainValue = ({ labels, value }: Sample): Value => ({ labels, value });

function histogramValues({ labels, counts, sumSeconds }: HistogramSample): Value[] {
  let below = 0;
  const buckets = LATENCY_BOUNDS_S.map((le, i): Value => {
    below += counts[i];
    return { labels: { le, ...labels }, value: below, suffix: '_bucket' };
  });
  const count = below + (counts.at(-1) ?? 0);
  return [
    ...buckets,
    { labels: { le: '+Inf', ...labels }, value: count, suffix: '_bucket' },
    { labels, value: sumSeconds, suffix: '_sum' },
    { labels, value: count, suffix: '_count' },
  ];
}
