import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel, type TracingChannelSubscribers } from 'node:diagnostics_channel';
import { TRACING_CHANNELS, type TracingContexts } from '@gearshift/contracts';
import { isError } from '@gearshift/contracts/internal';
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import { traceCluster } from './trace-cluster.js';
import { loadApi, type OpenTelemetryApi } from './load-api.js';

/** Name and attributes of the spans of one tracing channel. */
interface SpanKind<Event extends { readonly result?: unknown }> {
  readonly name: (event: Event) => string;
  readonly attributes: (event: Event) => Attributes;
  /** Attributes taken from the result, and the kind of its error, if any. */
  readonly outcome: (result: NonNullable<Event['result']>) => SpanOutcome;
}
interface SpanOutcome {
  readonly attributes: Attributes;
  readonly error?: string | undefined;
}

const SPANS: { readonly [Name in keyof TracingContexts]: SpanKind<TracingContexts[Name]> } = {
  run: {
    name: ({ operation }) => `gearshift ${operation}`,
    attributes: ({ operation, sync }) => ({ 'gearshift.operation': operation, 'gearshift.sync': sync }),
    outcome: (result) => {
      const { decision, attempts } = result.ok ? result.value : result.error;
      const attributes: Attributes = { 'gearshift.attempts': attempts.length };
      if (decision !== null) {
        attributes['gearshift.device'] = decision.backend;
        attributes['gearshift.reason'] = decision.reason;
      }
      return { attributes, error: result.ok ? undefined : result.error.kind };
    },
  },
  attempt: {
    name: ({ backend }) => `gearshift attempt ${backend}`,
    attributes: ({ operation, backend, fallback }) => ({
      'gearshift.operation': operation,
      'gearshift.device': backend,
      'gearshift.fallback': fallback,
    }),
    outcome: ({ outcome, phases, search }) => {
      const attributes: Attributes = { 'gearshift.outcome': outcome };
      if (search !== undefined) {
        attributes['gearshift.rows_scanned'] = search.scanned;
        attributes['gearshift.rows_examined'] = search.examined;
        attributes['gearshift.rows_rescored'] = search.rescored;
        if (search.way !== undefined) attributes['gearshift.search_way'] = search.way;
      }
      if (phases?.mergedRequests !== undefined) attributes['gearshift.merged_requests'] = phases.mergedRequests;
      if (phases !== undefined && !phases.fused) {
        attributes['gearshift.queue_ms'] = phases.queueMs;
        attributes['gearshift.upload_ms'] = phases.uploadMs;
        attributes['gearshift.kernel_ms'] = phases.kernelMs;
        attributes['gearshift.download_ms'] = phases.downloadMs;
        if (phases.networkMs !== undefined) attributes['gearshift.network_ms'] = phases.networkMs;
      }
      return { attributes, error: outcome === 'success' ? undefined : outcome };
    },
  },
  chunk: {
    name: () => 'gearshift chunk',
    attributes: ({ name, start, end, fallback }) => ({
      'gearshift.run': name,
      'gearshift.start': start,
      'gearshift.end': end,
      'gearshift.fallback': fallback,
    }),
    outcome: ({ outcome }) => ({
      attributes: { 'gearshift.outcome': outcome },
      error: outcome === 'success' ? undefined : outcome,
    }),
  },
  upload: {
    name: ({ backend }) => `gearshift upload ${backend}`,
    attributes: ({ backend, bytes }) => ({ 'gearshift.device': backend, 'gearshift.bytes': bytes }),
    outcome: (result) => ({ attributes: {}, error: result.ok ? undefined : result.error.kind }),
  },
};

/** Makes spans from the events of the tracing channels; returns a function that stops it. */
export function traceSpans(tracer: Tracer): () => void {
  /** The current parent span. A store of our own, because the context of OpenTelemetry cannot be bound to a channel. */
  const parents = new AsyncLocalStorage<Context>();
  const api = loadApi();
  const undo = [
    traceChannel(api, tracer, parents, TRACING_CHANNELS.run, SPANS.run),
    traceChannel(api, tracer, parents, TRACING_CHANNELS.attempt, SPANS.attempt),
    traceChannel(api, tracer, parents, TRACING_CHANNELS.chunk, SPANS.chunk),
    traceChannel(api, tracer, parents, TRACING_CHANNELS.upload, SPANS.upload),
    traceCluster(api, tracer, () => parents.getStore() ?? api.context.active()),
  ];
  return () => {
    for (const step of undo) step();
    // Otherwise every later promise of the process would keep carrying it.
    parents.disable();
  };
}

function traceChannel<Event extends { readonly result?: unknown }>(
  { context, SpanStatusCode, trace }: OpenTelemetryApi,
  tracer: Tracer,
  parents: AsyncLocalStorage<Context>,
  name: string,
  kind: SpanKind<Event>,
): () => void {
  const spans = new WeakMap<Event, Span>();
  const channel = tracingChannel<Context, Event>(name);

  // Node adds `error` to the context when the traced function throws.
  const finish = (event: Event & { readonly error?: unknown }) => {
    const span = spans.get(event);
    const { result, error } = event;
    if (span === undefined) return;
    if (result !== undefined && result !== null) {
      const outcome = kind.outcome(result);
      span.setAttributes(outcome.attributes);
      if (outcome.error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.error });
    } else if (error !== undefined) {
      span.recordException(
        isError(error, 'Error') ? error : { message: `expected an Error to be thrown, got ${typeof error}` },
      );
      span.setStatus({ code: SpanStatusCode.ERROR });
    } else {
      return; // `end` of an asynchronous call, which comes before its result
    }
    spans.delete(event);
    span.end();
  };
  const subscribers: Partial<TracingChannelSubscribers<Event>> = { end: finish, asyncEnd: finish };

  channel.start.bindStore(parents, (event) => {
    const parent = parents.getStore() ?? context.active();
    const span = tracer.startSpan(kind.name(event), { attributes: kind.attributes(event) }, parent);
    spans.set(event, span);
    return trace.setSpan(parent, span);
  });
  channel.subscribe(subscribers as TracingChannelSubscribers<Event>);
  return () => {
    channel.start.unbindStore(parents);
    channel.unsubscribe(subscribers as TracingChannelSubscribers<Event>);
  };
}
