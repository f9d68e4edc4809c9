import type { Meter, Tracer } from '@opentelemetry/api';
import { expected, requireObject } from '@gearshift/contracts/internal';
import { EventCounts } from './event-counts.js';
import { instrumentationOf, type Instrumentation } from './instrumentation.js';
import { observeMetrics } from './observe-metrics.js';
import { requireSource, type TelemetrySource } from './telemetry-source.js';
import { traceSpans } from './trace-spans.js';

export interface OpenTelemetryOptions {
  /** Receives the metrics; without it none are recorded. */
  readonly meterProvider?: OpenTelemetryMeterProvider | undefined;
  /** Receives the spans; without it none are made. */
  readonly tracerProvider?: OpenTelemetryTracerProvider | undefined;
}

/** The used part of `MeterProvider` of @opentelemetry/api, so that users of Prometheus alone need no types of it. */
export interface OpenTelemetryMeterProvider {
  getMeter(name: string): unknown;
}

/** The used part of `TracerProvider` of @opentelemetry/api. */
export interface OpenTelemetryTracerProvider {
  getTracer(name: string): unknown;
}

/**
 * Exports metrics and spans of an executor to OpenTelemetry. Metrics are read when they are collected, except durations:
 * OpenTelemetry has no observable histogram, so each attempt is recorded when it ends. Spans of runs, attempts, chunks and
 * uploads are children of the span that is active when a run begins. Durations and spans cover all executors of the thread.
 *
 * @throws TypeError if `executor` is not an executor, or a provider is not a provider
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
    steps.push(() => events.end(), observeMetrics(meterProvider.getMeter(SCOPE) as Meter, executor, events));
  }
  if (tracerProvider !== undefined) steps.push(traceSpans(tracerProvider.getTracer(SCOPE) as Tracer));
  return instrumentationOf(steps);
}

const SCOPE = '@gearshift/telemetry';
