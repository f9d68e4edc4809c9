import { BREAKER_STATES } from '@gearshift/contracts';
import type { DeviceTotals } from '@gearshift/tracker';
import { entriesOf, type EventCounts } from './event-counts.js';
import { METRICS, type MetricDefinition, type MetricName } from './metrics.js';
import type { DeviceReading, OperationReading, TelemetrySource } from './telemetry-source.js';

/** One value of one metric. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
/** One histogram of a metric. Its counts are not cumulative. */
export interface HistogramSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly counts: readonly number[];
  readonly sumSeconds: number;
}

const DEVICE_KINDS = ['cpu', 'gpu', 'remote'] as const;

type Values = Record<MetricName, Sample[]>;

/** The values of all metrics at one instant. */
export interface Reading {
  readonly values: Readonly<Record<MetricName, readonly Sample[]>>;
  readonly durations: readonly HistogramSample[];
}

/** Reads all metrics of an executor except events: nearly the whole cost of a scrape. */
export function readMetrics(source: TelemetrySource): Reading {
  const values = emptyValues();
  const durations: HistogramSample[] = [];
  const devices = new Map<string, DeviceReading>();
  for (const operation of source.tracker.operations) {
    const totals = source.tracker.totals(operation).devices;
    for (const device of DEVICE_KINDS) {
      // A tracker may also count attempts by backend id. Reading only the kinds counts each attempt once.
      const own = totals[device];
      if (own === undefined || (device === 'remote' && own.successes + own.failures === 0)) continue;
      readTotals(values, operation, device, own);
      durations.push({ labels: { operation, device }, counts: own.counts, sumSeconds: own.totalMs / 1000 });
    }
    const snapshot = source.snapshot(operation);
    readOperation(values, operation, snapshot);
    // The devices are the same for all operations.
    for (const device of snapshot.devices) devices.set(device.id, device);
  }
  for (const device of devices.values()) readDevice(values, device);
  return { values, durations };
}

const EVENT_METRICS = [
  ...(['chunks', 'splits', 'evictions', 'lostDevices', 'verifications'] as const),
  ...(['hedges', 'answers', 'repairs', 'copiesWanted', 'copiesLacking'] as const),
];

/** Reads the metrics of the events of this thread. */
export function readEvents(events: EventCounts): Reading['values'] {
  const values = emptyValues();
  for (const name of EVENT_METRICS) {
    for (const { labels, value } of entriesOf(events[name])) add(values, name, labels, value);
  }
  return values;
}

/** The histogram of the events of this thread. */
export function readShardDurations(events: EventCounts): HistogramSample[] {
  return [...entriesOf(events.shardDurations)].map(({ labels: [operation, outcome], value }) => {
    return { labels: { operation, outcome }, counts: value.counts, sumSeconds: value.sumSeconds };
  });
}

function emptyValues(): Values {
  return Object.fromEntries(Object.keys(METRICS).map((name): [string, Sample[]] => [name, []])) as Values;
}

function readTotals(values: Values, operation: string, device: string, totals: DeviceTotals): void {
  add(values, 'attempts', [operation, device, 'success'], totals.successes);
  add(values, 'attempts', [operation, device, 'failure'], totals.failures);
  add(values, 'lostTime', [operation, device], totals.lostMs / 1000);
}

function readOperation(values: Values, operation: string, snapshot: OperationReading): void {
  for (const [reason, count] of Object.entries(snapshot.decisions))
    add(values, 'decisions', [operation, reason], count);
  const { pending = 0, refused = 0, merged = 0 } = snapshot.requests ?? {};
  add(values, 'requestsPending', [operation], pending);
  add(values, 'requestsRefused', [operation], refused);
  add(values, 'requestsMerged', [operation], merged);
  add(values, 'fallbacks', [operation], snapshot.fallbackCount);
  add(values, 'outOfMemory', [operation], snapshot.oomCount);
  add(values, 'speedup', [operation], snapshot.speedup);
  add(values, 'successRate', [operation], snapshot.successRate);
  for (const { shape, breakEven, predictionError, explorations, estimatedRegretMs } of snapshot.forecast?.shapes ??
    []) {
    const labels = [operation, shape];
    if (predictionError !== null) add(values, 'predictionError', labels, predictionError);
    add(values, 'regret', labels, estimatedRegretMs / 1000);
    add(values, 'explorations', labels, explorations);
    for (const residency of ['cold', 'resident'] as const) {
      const size = breakEven[residency];
      if (size !== null) add(values, 'breakEven', [...labels, residency], size.items);
    }
  }
}

function readDevice(values: Values, { id, queueLength, queueMs, breaker, memory, residency }: DeviceReading): void {
  add(values, 'queueLength', [id], queueLength);
  add(values, 'queueTime', [id], queueMs / 1000);
  if (breaker !== null) {
    for (const state of BREAKER_STATES) add(values, 'breakerState', [id, state], breaker.state === state ? 1 : 0);
    for (const [cause, count] of Object.entries(breaker.opens)) add(values, 'breakerOpens', [id, cause], count);
    add(values, 'breakerProbes', [id, 'succeeded'], breaker.probes.succeeded);
    add(values, 'breakerProbes', [id, 'failed'], breaker.probes.failed);
    add(values, 'missedSavings', [id], breaker.missedSavingsMs / 1000);
  }
  if (memory !== null) {
    add(values, 'memoryUsage', [id], memory.trackedBytes);
    // Infinite without a limit. Left out, because `+Inf` would spoil every sum and average over devices.
    if (Number.isFinite(memory.availableBytes)) add(values, 'memoryAvailable', [id], memory.availableBytes);
    if (memory.totalBytes !== null) add(values, 'memoryTotal', [id], memory.totalBytes);
    add(values, 'memoryPressure', [id], memory.pressureRatio);
  }
  if (residency !== null) {
    add(values, 'residencyBytes', [id], residency.bytes);
    add(values, 'residencyOperands', [id], residency.operands);
  }
}

function add(values: Values, name: MetricName, labelValues: readonly string[], value: number): void {
  const { labels }: MetricDefinition = METRICS[name];
  values[name].push({ labels: Object.fromEntries(labels.map((label, i) => [label, labelValues[i]])), value });
}
