import type { Attributes, Context, Tracer } from '@opentelemetry/api';
import { expected, optionNames, readOptions } from '@gearshift/contracts/internal';
import { listenToCluster } from './cluster-events.js';
import { instrumentationOf, type Instrumentation } from './instrumentation.js';
import { loadApi, type OpenTelemetryApi } from './load-api.js';
import type { OpenTelemetryTracerProvider } from './open-telemetry.js';

/** Requests of which the shards may still answer. Older ones are forgotten. */
const MOST_TRACES = 1000;
const OPTIONS = optionNames<{ tracerProvider: OpenTelemetryTracerProvider }>({ tracerProvider: true });
const NO_TRACE = '0'.repeat(32);

/**
 * Makes spans of the queries to the shards of a cluster, children of the attempt that sent them, and of the answers in the process of a
 * worker. Queries carry the id of the trace, so that the spans of both processes are in one trace.
 *
 * @param current the context of the attempt under way
 */
export function traceCluster(api: OpenTelemetryApi, tracer: Tracer, current: () => Context): () => void {
  const { SpanStatusCode, trace } = api;
  const parents = new Map<string, Context>();
  const add = (name: string, latencyMs: number, parent: Context, attributes: Attributes, error: string | undefined) => {
    const endMs = Date.now();
    const span = tracer.startSpan(name, { startTime: endMs - latencyMs, attributes }, parent);
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span.end(endMs);
  };
  const undo = [
    listenToCluster('trace', (event) => {
      const context = current();
      const traceId = trace.getSpanContext(context)?.traceId;
      if (traceId === undefined) return;
      event.traceId = traceId;
      parents.delete(traceId);
      parents.set(traceId, context);
      const [oldest] = parents.keys();
      if (parents.size > MOST_TRACES && oldest !== undefined) parents.delete(oldest);
    }),
    listenToCluster('shard', ({ traceId, latencyMs, operation, shard, outcome, asked, backend }) => {
      const parent = parents.get(traceId);
      if (parent === undefined) return;
      const attributes = {
        'gearshift.operation': operation,
        'gearshift.device': backend,
        'gearshift.shard': shard,
        'gearshift.outcome': outcome,
        'gearshift.asked': asked,
      };
      add(`gearshift shard ${shard}`, latencyMs, parent, attributes, outcome === 'success' ? undefined : outcome);
    }),
    listenToCluster('answer', ({ traceId, latencyMs, operation, shard, status }) => {
      if (traceId === NO_TRACE) return;
      // The header of a query has no room for the id of a span: the parent is one that nothing else has.
      const remote = { traceId, spanId: traceId.slice(16), traceFlags: 1, isRemote: true };
      const parent = parents.get(traceId) ?? trace.setSpanContext(api.ROOT_CONTEXT, remote);
      const attributes = { 'gearshift.operation': operation, 'gearshift.shard': shard, 'gearshift.status': status };
      add('gearshift answer', latencyMs, parent, attributes, status === 'ok' ? undefined : status);
    }),
  ];
  return () => {
    for (const step of undo) step();
  };
}

/**
 * Makes spans of the answers of a cluster worker in this process, in the traces of the requests that they belong to. A process with an
 * instrumented executor makes them already.
 *
 * @throws TypeError if `tracerProvider` is no provider
 */
export function traceClusterWorker(options: { readonly tracerProvider: OpenTelemetryTracerProvider }): Instrumentation {
  const { tracerProvider } = readOptions('options', options, OPTIONS);
  if (typeof tracerProvider?.getTracer !== 'function') {
    throw new TypeError(expected('options.tracerProvider', 'a TracerProvider', tracerProvider));
  }
  const api = loadApi();
  const tracer = tracerProvider.getTracer('@gearshift/telemetry') as Tracer;
  return instrumentationOf([traceCluster(api, tracer, () => api.context.active())]);
}
