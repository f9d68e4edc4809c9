import { requireFrom, searchPlaces } from '@gearshift/contracts/internal';
import type * as api from '@opentelemetry/api';

export type OpenTelemetryApi = typeof api;

/** Loaded on first use, because users of Prometheus alone have not installed it. */
export function loadApi(): OpenTelemetryApi {
  try {
    return requireFrom(searchPlaces(import.meta.url), '@opentelemetry/api') as OpenTelemetryApi;
  } catch (error) {
    throw new Error('@opentelemetry/api is not installed; to fix it: npm install @opentelemetry/api', {
      cause: error,
    });
  }
}
