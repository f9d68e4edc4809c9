export {
  instrumentOpenTelemetry,
  type OpenTelemetryMeterProvider,
  type OpenTelemetryOptions,
  type OpenTelemetryTracerProvider,
} from './open-telemetry.js';
export { instrumentPrometheus, type PrometheusOptions, type PrometheusRegistry } from './prometheus.js';
export { traceClusterWorker } from './trace-cluster.js';
export type { Instrumentation } from './instrumentation.js';
export { METRICS, prometheusName, type MetricDefinition, type MetricName } from './metrics.js';
export type { DeviceReading, OperationReading, TelemetrySource } from './telemetry-source.js';
