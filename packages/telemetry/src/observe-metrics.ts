import type { AttemptEvent } from '@gearshift/contracts';
import type { Attributes, BatchObservableResult, Histogram, Meter, Observable } from '@opentelemetry/api';
import { listenToCluster, type ClusterEvents } from './cluster-events.js';
import type { EventCounts } from './event-counts.js';
import { LATENCY_BOUNDS_S } from './latency-bounds.js';
import { listenToEnd } from './listen.js';
import { METRICS, type MetricDefinition, type MetricName } from './metrics.js';
import { readEvents, readMetrics, type Reading } from './read-metrics.js';
import type { TelemetrySource } from './telemetry-source.js';

/**
 * Creates an instrument for every metric; returns a function that removes them.
 *
 * @param executors and their names. They are read at each collection, so the map may change.
 */
export function observeMetrics(
  meter: Meter,
  executors: ReadonlyMap<TelemetrySource, string | undefined>,
  events: EventCounts,
): () => void {
  const instruments = new Map<MetricName, Observable>();
  for (const [name, definition] of Object.entries(METRICS) as [MetricName, MetricDefinition][]) {
    if (definition.type !== 'histogram') instruments.set(name, createInstrument(meter, definition));
  }
  const observe = (result: BatchObservableResult) => {
    const report = (values: Reading['values'], attributes: Attributes) => {
      for (const [name, instrument] of instruments) {
        for (const { labels, value } of values[name]) result.observe(instrument, value, { ...labels, ...attributes });
      }
    };
    for (const [source, executor] of executors) {
      report(readMetrics(source).values, executor === undefined ? {} : { executor });
    }
    report(readEvents(events), {});
  };
  const observables = [...instruments.values()];
  meter.addBatchObservableCallback(observe, observables);
  const endDurations = recordDurations(meter);
  return () => {
    meter.removeBatchObservableCallback(observe, observables);
    endDurations();
  };
}

function createInstrument(meter: Meter, { name, type, unit, help: description }: MetricDefinition): Observable {
  return type === 'counter'
    ? meter.createObservableCounter(name, { unit, description })
    : meter.createObservableGauge(name, { unit, description });
}

function createHistogram(meter: Meter, { name, unit, help: description }: MetricDefinition): Histogram {
  const explicitBucketBoundaries = [...LATENCY_BOUNDS_S];
  return meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries } });
}

function recordDurations(meter: Meter): () => void {
  const histogram = createHistogram(meter, METRICS.duration);
  const shards = createHistogram(meter, METRICS.shardDuration);
  const record = ({ result }: AttemptEvent) => {
    if (result?.outcome !== 'success') return;
    histogram.record(result.latencyMs / 1000, { operation: result.operation, device: result.device });
  };
  // `end` of an asynchronous attempt comes before its result; `asyncEnd` brings the result.
  const recordShard = ({ operation, outcome, latencyMs }: ClusterEvents['shard']) => {
    shards.record(latencyMs / 1000, { operation, outcome });
  };
  const unsubscribe = [
    ...(['end', 'asyncEnd'] as const).map((event) => listenToEnd('attempt', event, record)),
    listenToCluster('shard', recordShard),
  ];
  return () => {
    for (const step of unsubscribe) step();
  };
}
