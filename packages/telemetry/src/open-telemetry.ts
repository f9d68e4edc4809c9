import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import { expected, requireObject } from '@gearshift/contracts/internal';
import { EventCounts } from './event-counts.js';
import { instrumentationOf, type Instrumentation } from './instrumentation.js';
import { observeMetrics } from './observe-metrics.js';
import { requireSource, type TelemetrySource } from './telemetry-source.js';
import { traceSpans } from './trace-spans.js';

export interface OpenTelemetryOptions {
  /** Where metrics go; none without it. */
  readonly meterProvider?: MeterProvider | undefined;
  /** Where spans go; none without it. */
  readonly tracerProvider?: TracerProvider | undefined;
}

/**
 * Tells OpenTelemetry of an executor. Metrics are observed when they are collected, but for durations: OpenTelemetry has no
 * histogram that is observed, so each attempt is recorded as it ends. Spans of runs, attempts, chunks and uploads are children
 * of the span that is active where a run begins. Durations and spans are those of the whole thread, whichever executor ran.
 *
 * @throws TypeError for what is no executor or no provider
 */
export function instrumentOpenTelemetry(executor: TelemetrySource, options: OpenTelemetryOptions): Instrumentation {
  requireSource(executor);
  requireObject('options', options);
  const { meterProvider, tracerProvider } = options;
  if (meterProvider !== undefined && typeof meterProvider?.getMeter !== 'function') {
    throw new TypeError(expected('options.meterProvider', 'a MeterProvider', meterProvider));
  }
  if (tracerProvider !== undefined && typeof tracerProvider?.getTracer !== 'function') {
    throw new TypeError(expected('options.tracerProvider', 'a TracerProvider', tracerProvider));
  }
  const steps: (() => void)[] = [];
  if (meterProvider !== undefined) {
    const events = new EventCounts();
    steps.push(() => events.end(), observeMetrics(meterProvider.getMeter(SCOPE), executor, events));
  }
  if (tracerProvider !== undefined) steps.push(traceSpans(tracerProvider.getTracer(SCOPE)));
  return instrumentationOf(steps);
}

const SCOPE = '@gearshift/telemetry';
