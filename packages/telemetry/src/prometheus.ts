import { expected, optionNames, readOptions } from '@gearshift/contracts/internal';
import { EventCounts } from './event-counts.js';
import { instrumentationOf, type Instrumentation } from './instrumentation.js';
import { LATENCY_BOUNDS_S } from './latency-bounds.js';
import { METRICS, prometheusName, type MetricDefinition, type MetricName } from './metrics.js';
import { readEvents, readMetrics, readShardDurations, type HistogramSample, type Sample } from './read-metrics.js';
import { requireSource, type TelemetrySource } from './telemetry-source.js';

export interface PrometheusOptions {
  /** A registry of prom-client 15. The names of the metrics begin with `gearshift_`. */
  readonly registry: PrometheusRegistry;
}

/** The used part of `Registry` of prom-client, so that users of OpenTelemetry alone need no types of prom-client. */
export interface PrometheusRegistry {
  getSingleMetric(name: string): unknown;
  registerMetric(metric: never): void;
  removeSingleMetric(name: string): void;
}

const OPTIONS = optionNames<PrometheusOptions>({ registry: true });

/**
 * Registers the metrics of an executor with a registry of prom-client. They are read at each scrape and cost nothing between
 * scrapes. Attempts are counted over all threads that share the executor's tracker, decisions and devices for this executor,
 * and events for its thread.
 *
 * @throws TypeError if `executor` is not an executor, if `registry` is not a registry, or if the registry already has metrics
 * with these names: use one registry per executor.
 *
 * @example
 * const registry = new Registry();
 * const instrumentation = instrumentPrometheus(executor, { registry });
 * const text = await registry.metrics();
 */
export function instrumentPrometheus(executor: TelemetrySource, options: PrometheusOptions): Instrumentation {
  requireSource(executor);
  const { registry } = readOptions('options', options, OPTIONS);
  if (typeof registry?.registerMetric !== 'function' || typeof registry.getSingleMetric !== 'function') {
    throw new TypeError(expected('options.registry', 'a Registry of prom-client', registry));
  }
  const names = (Object.keys(METRICS) as MetricName[]).map((name) => [name, prometheusName(METRICS[name])] as const);
  const taken = names.find(([, name]) => registry.getSingleMetric(name) !== undefined);
  if (taken !== undefined) {
    throw new TypeError(
      `options.registry: ${taken[1]} is already registered; to fix it: pass a registry of its own for each executor`,
    );
  }
  const events = new EventCounts();
  const read = onceATurn(() => {
    const { values, durations } = readMetrics(executor);
    return { values, durations, events: readEvents(events), shardDurations: readShardDurations(events) };
  });
  for (const [name, prometheus] of names) {
    const metric = new SnapshotMetric(prometheus, METRICS[name], () => {
      const { values, durations, events: counted, shardDurations } = read();
      if (name === 'duration') return durations.flatMap(histogramValues);
      if (name === 'shardDuration') return shardDurations.flatMap(histogramValues);
      return [...values[name], ...counted[name]].map(plainValue);
    });
    // A registry uses the members of SnapshotMetric and no others of Metric.
    registry.registerMetric(metric as never);
  }
  return instrumentationOf([
    () => events.end(),
    () => {
      for (const [, name] of names) registry.removeSingleMetric(name);
    },
  ]);
}

/** A scrape calls every metric in the same turn, so one reading serves them all. */
function onceATurn<Reading>(read: () => Reading): () => Reading {
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
  /** Appended to the name of the metric. */
  readonly suffix?: string;
}

/** A metric that reads its values when the registry asks for them. */
class SnapshotMetric {
  /** Not readonly: a registry with the content type of OpenMetrics changes it. */
  name: string;
  readonly help: string;
  readonly type: MetricDefinition['type'];
  readonly labelNames: readonly string[];
  readonly aggregator: MetricDefinition['aggregator'];
  readonly #values: () => readonly Value[];

  constructor(name: string, { help, type, labels, aggregator }: MetricDefinition, values: () => readonly Value[]) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.labelNames = labels;
    this.aggregator = aggregator;
    this.#values = values;
  }

  get() {
    const { name, help, type, aggregator } = this;
    const values = this.#values().map(({ labels, value, suffix }) =>
      suffix === undefined ? { labels, value } : { labels, value, metricName: `${name}${suffix}` },
    );
    return Promise.resolve({ name, help, type, aggregator, values });
  }

  /** For the registry's `resetMetrics()`. There is no state to reset. */
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
