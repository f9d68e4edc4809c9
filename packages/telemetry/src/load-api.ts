import { createRequire } from 'node:module';
import { searchPlaces } from '@gearshift/contracts/internal';
import type * as api from '@opentelemetry/api';

export type OpenTelemetryApi = typeof api;

/** Loaded on first use, because users of Prometheus alone have not installed it. */
export function loadApi(): OpenTelemetryApi {
  let cause: unknown;
  for (const place of searchPlaces(import.meta.url)) {
    try {
      return requireApi(createRequire(place));
    } catch (error) {
      cause ??= error;
    }
  }
  throw new Error('@opentelemetry/api is not installed; to fix it: npm install @opentelemetry/api', { cause });
}

/** A function of its own, because webpack evaluates a variable that is set to `createRequire(...)`. */
function requireApi(load: NodeJS.Require): OpenTelemetryApi {
  return load('@opentelemetry/api') as OpenTelemetryApi;
}
