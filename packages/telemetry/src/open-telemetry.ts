import type { Tracer } from '@opentelemetry/api';
import { expected, optionNames, readOptions, requireObject } from '@gearshift/contracts/internal';
import { instrumentationOf, type Instrumentation } from './instrumentation.js';
import { addToProvider } from './provider-metrics.js';
import { shareByProvider } from './share-by-provider.js';
import { requireSource, type TelemetrySource } from './telemetry-source.js';
import { traceSpans } from './trace-spans.js';

export interface OpenTelemetryOptions {
  /** Receives the metrics; without it none are recorded. */
  readonly meterProvider?: OpenTelemetryMeterProvider | undefined;
  /** Receives the spans; without it none are made. */
  readonly tracerProvider?: OpenTelemetryTracerProvider | undefined;
  /**
   * Name of the executor: the attribute `executor` of its metrics. Several executors on one `meterProvider` need different names. Default:
   * no attribute.
   */
  readonly executor?: string | undefined;
}

/** The used part of `MeterProvider` of @opentelemetry/api, so that users of Prometheus alone need no types of it. */
export interface OpenTelemetryMeterProvider {
  getMeter(name: string): unknown;
}

/** The used part of `TracerProvider` of @opentelemetry/api. */
export interface OpenTelemetryTracerProvider {
  getTracer(name: string): unknown;
}

const OPTIONS = optionNames<OpenTelemetryOptions>({ meterProvider: true, tracerProvider: true, executor: true });

/**
 * Exports metrics and spans of an executor to OpenTelemetry. Metrics are read when they are collected, except durations:
 * OpenTelemetry has no observable histogram, so each attempt is recorded when it ends. Spans of runs, attempts, chunks and
 * uploads are children of the span that is active when a run begins. Durations, spans and events cover all executors of the thread;
 * each is recorded once for a provider, with any number of executors.
 *
 * @throws TypeError if `executor` is not an executor, a provider is not a provider, the executor is already instrumented with this
 *   `meterProvider`, or another executor on it has the same `options.executor`
 */
export function instrumentOpenTelemetry(executor: TelemetrySource, options: OpenTelemetryOptions): Instrumentation {
  requireSource(executor);
  requireObject('options', options);
  const { meterProvider, tracerProvider, executor: name } = readOptions('options', options, OPTIONS);
  if (meterProvider !== undefined && typeof meterProvider?.getMeter !== 'function') {
    throw new TypeError(expected('options.meterProvider', 'a MeterProvider', meterProvider));
  }
  if (tracerProvider !== undefined && typeof tracerProvider?.getTracer !== 'function') {
    throw new TypeError(expected('options.tracerProvider', 'a TracerProvider', tracerProvider));
  }
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw new TypeError(expected('options.executor', 'a name, which is not empty', name));
  }
  const steps: (() => void)[] = [];
  const instrumentation = instrumentationOf(steps);
  try {
    if (meterProvider !== undefined) steps.push(addToProvider(meterProvider, SCOPE, executor, name));
    if (tracerProvider !== undefined) {
      // Spans cover all executors of the thread: a second one on the same provider must not make each span twice.
      const start = () => traceSpans(tracerProvider.getTracer(SCOPE) as Tracer);
      steps.push(shareSpans(tracerProvider, start).leave);
    }
  } catch (mistake) {
    instrumentation.dispose();
    throw mistake;
  }
  return instrumentation;
}

const SCOPE = '@gearshift/telemetry';
const shareSpans = shareByProvider<() => void>((stop) => stop());
