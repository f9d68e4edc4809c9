import { createRequire } from 'node:module';
import type * as api from '@opentelemetry/api';

export type OpenTelemetryApi = typeof api;

/** Loaded on first use, because users of Prometheus alone have not installed it. */
export function loadApi(): OpenTelemetryApi {
  const require = createRequire(import.meta.url);
  try {
    return require('@opentelemetry/api') as OpenTelemetryApi;
  } catch (error) {
    throw new Error('@opentelemetry/api is not installed; to fix it: npm install @opentelemetry/api', {
      cause: error,
    });
  }
}
