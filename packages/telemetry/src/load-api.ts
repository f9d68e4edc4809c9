import { createRequire } from 'node:module';
import type * as api from '@opentelemetry/api';

export type OpenTelemetryApi = typeof api;

/** The API that the caller's providers come from. Loaded when it is needed: who uses Prometheus alone has not installed it. */
export function loadApi(): OpenTelemetryApi {
  const require = createRequire(import.meta.url);
  try {
    return require('@opentelemetry/api') as OpenTelemetryApi;
  } catch (error) {
    throw new Error('@opentelemetry/api: expected it to be installed; to fix it: npm install @opentelemetry/api', {
      cause: error,
    });
  }
}
