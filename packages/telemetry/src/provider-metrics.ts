import type { Meter } from '@opentelemetry/api';
import { EventCounts } from './event-counts.js';
import { observeMetrics } from './observe-metrics.js';
import { shareByProvider } from './share-by-provider.js';
import type { TelemetrySource } from './telemetry-source.js';

/** Receives the metrics of executors: the used part of a `MeterProvider`. */
interface Provider {
  getMeter(name: string): unknown;
}

/** What all executors on one provider share: durations and events of the thread are counted once, however many executors there are. */
interface ProviderMetrics {
  readonly executors: Map<TelemetrySource, string | undefined>;
  readonly stop: () => void;
}

const share = shareByProvider<ProviderMetrics>(({ stop }) => stop());

/**
 * Adds the metrics of an executor to a provider; returns a function that removes them.
 *
 * @throws TypeError if the executor is already there, or another one has the same name: a provider has one value for each set of attributes
 */
export function addToProvider(
  provider: Provider,
  scope: string,
  source: TelemetrySource,
  name: string | undefined,
): () => void {
  const { shared, leave } = share(provider, () => startMetrics(provider.getMeter(scope) as Meter));
  const problem = findProblem(shared, source, name);
  if (problem !== undefined) {
    leave();
    throw new TypeError(problem);
  }
  shared.executors.set(source, name);
  return () => {
    shared.executors.delete(source);
    leave();
  };
}

function findProblem({ executors }: ProviderMetrics, source: TelemetrySource, name?: string): string | undefined {
  if (executors.has(source)) {
    return 'executor: it is already instrumented with this meterProvider; to fix it: dispose of the earlier instrumentation first';
  }
  if (![...executors.values()].includes(name)) return undefined;
  const got = name === undefined ? 'none' : JSON.stringify(name);
  return `options.executor: expected a name that no other executor on this meterProvider has, got ${got}; to fix it: pass a different executor for each, for example { executor: "second" }`;
}

function startMetrics(meter: Meter): ProviderMetrics {
  const executors: ProviderMetrics['executors'] = new Map();
  const events = new EventCounts();
  const stopObserving = observeMetrics(meter, executors, events);
  return {
    executors,
    stop() {
      events.end();
      stopObserving();
    },
  };
}
