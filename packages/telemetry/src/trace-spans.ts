import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel, type TracingChannelSubscribers } from 'node:diagnostics_channel';
import { TRACING_CHANNELS, type AttemptReport } from '@gearshift/contracts';
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import { loadApi, type OpenTelemetryApi } from './load-api.js';

type Message = Readonly<Record<string, unknown>>;

/** What a span of one tracing channel is called, and what it says at its start and at its end. */
interface SpanKind {
  readonly name: (message: Message) => string;
  readonly attributes: (message: Message) => Attributes;
  /** Of the result: attributes, and the kind of the error where there was one. */
  readonly outcome: (result: unknown) => { readonly attributes: Attributes; readonly error?: string | undefined };
}

const SPANS: Record<keyof typeof TRACING_CHANNELS, SpanKind> = {
  run: {
    name: ({ operation }) => `gearshift ${String(operation)}`,
    attributes: ({ operation, sync }) => ({
      'gearshift.operation': String(operation),
      'gearshift.sync': sync === true,
    }),
    outcome: (result) => {
      const { ok, value, error } = result as { ok: boolean; value?: Ended; error?: Ended & { kind: string } };
      const { decision, attempts } = (ok ? value : error) ?? { decision: null, attempts: [] };
      const attributes: Attributes = { 'gearshift.attempts': attempts.length };
      if (decision !== null) {
        attributes['gearshift.device'] = decision.backend;
        attributes['gearshift.reason'] = decision.reason;
      }
      return { attributes, error: ok ? undefined : error?.kind };
    },
  },
  attempt: {
    name: ({ backend }) => `gearshift attempt ${String(backend)}`,
    attributes: ({ operation, backend, fallback }) => ({
      'gearshift.operation': String(operation),
      'gearshift.device': String(backend),
      'gearshift.fallback': fallback === true,
    }),
    outcome: (result) => {
      const { outcome, phases } = result as AttemptReport;
      const attributes: Attributes = { 'gearshift.outcome': outcome };
      if (phases !== undefined && !phases.fused) {
        attributes['gearshift.queue_ms'] = phases.queueMs;
        attributes['gearshift.upload_ms'] = phases.uploadMs;
        attributes['gearshift.kernel_ms'] = phases.kernelMs;
        attributes['gearshift.download_ms'] = phases.downloadMs;
      }
      return { attributes, error: outcome === 'success' ? undefined : outcome };
    },
  },
  chunk: {
    name: () => 'gearshift chunk',
    attributes: ({ name, start, end, fallback }) => ({
      'gearshift.run': String(name),
      'gearshift.start': Number(start),
      'gearshift.end': Number(end),
      'gearshift.fallback': fallback === true,
    }),
    outcome: (result) => {
      const { outcome } = result as { outcome: string };
      return { attributes: { 'gearshift.outcome': outcome }, error: outcome === 'success' ? undefined : outcome };
    },
  },
  upload: {
    name: ({ backend }) => `gearshift upload ${String(backend)}`,
    attributes: ({ backend, bytes }) => ({ 'gearshift.device': String(backend), 'gearshift.bytes': Number(bytes) }),
    outcome: (result) => {
      const { ok, error } = result as { ok: boolean; error?: { kind: string } };
      return { attributes: {}, error: ok ? undefined : error?.kind };
    },
  },
};

interface Ended {
  readonly decision: { readonly backend: string; readonly reason: string } | null;
  readonly attempts: readonly unknown[];
}

/** Makes spans of everything that the tracing channels tell of; returns what ends it. */
export function traceSpans(tracer: Tracer): () => void {
  /** The span that what begins now is part of: ours, because the context of OpenTelemetry cannot be bound to a channel. */
  const parents = new AsyncLocalStorage<Context>();
  const api = loadApi();
  const undo = (Object.keys(SPANS) as (keyof typeof SPANS)[]).map((kind) =>
    traceChannel(api, tracer, parents, TRACING_CHANNELS[kind], SPANS[kind]),
  );
  return () => {
    for (const step of undo) step();
    // Or every promise of the process would carry it on for ever.
    parents.disable();
  };
}

function traceChannel(
  { context, SpanStatusCode, trace }: OpenTelemetryApi,
  tracer: Tracer,
  parents: AsyncLocalStorage<Context>,
  name: string,
  kind: SpanKind,
): () => void {
  const spans = new WeakMap<object, Span>();
  const channel = tracingChannel<Context, object>(name);

  const finish = (message: object) => {
    const span = spans.get(message);
    const { result, error } = message as { result?: unknown; error?: unknown };
    if (span === undefined) return;
    if (result !== undefined) {
      const outcome = kind.outcome(result);
      span.setAttributes(outcome.attributes);
      if (outcome.error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.error });
    } else if (error !== undefined) {
      span.recordException(error instanceof Error ? error : { message: 'something was thrown that is no error' });
      span.setStatus({ code: SpanStatusCode.ERROR });
    } else {
      return; // the end of the first turn of what goes on
    }
    spans.delete(message);
    span.end();
  };
  const subscribers: Partial<TracingChannelSubscribers<object>> = {
    end: finish,
    asyncEnd: finish,
  };

  channel.start.bindStore(parents, (message) => {
    const parent = parents.getStore() ?? context.active();
    const fields = message as Message;
    const span = tracer.startSpan(kind.name(fields), { attributes: kind.attributes(fields) }, parent);
    spans.set(message, span);
    return trace.setSpan(parent, span);
  });
  channel.subscribe(subscribers as TracingChannelSubscribers<object>);
  return () => {
    channel.start.unbindStore(parents);
    channel.unsubscribe(subscribers as TracingChannelSubscribers<object>);
  };
}
