export { instrumentOpenTelemetry, type OpenTelemetryOptions } from './open-telemetry.js';
export { instrumentPrometheus, type PrometheusOptions } from './prometheus.js';
export type { Instrumentation } from './instrumentation.js';
export { METRICS, prometheusName, type MetricDefinition, type MetricName } from './metrics.js';
export type { DeviceReading, OperationReading, TelemetrySource } from './telemetry-source.js';
