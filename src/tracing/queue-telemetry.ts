import {
  type Context,
  context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  SpanKind,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import type { Telemetry } from 'bullmq';
import { BullMQOtel } from 'bullmq-otel';

type Span = ReturnType<Telemetry<Context>['tracer']['startSpan']>;

/**
 * What BullMQ tells of its queue, of which this is kept: that a request put a job there, and
 * that a worker took it, in the trace of that request. What it does by itself is not told:
 * it looks for jobs all the time, and with each job of a scheduler it makes the next one,
 * whose trace would otherwise be that of all turns before it.
 */
export function queueTelemetry(propagator: TextMapPropagator) {
  const { tracer, contextManager } = new BullMQOtel({ tracerName: 'callkeeper' });
  const fromMetadata = (of: Context, metadata: string) =>
    propagator.extract(of, JSON.parse(metadata), defaultTextMapGetter);
  const shared = {
    with: contextManager.with.bind(contextManager),
    active: () => context.active(),
    root: () => ROOT_CONTEXT,
    fromMetadata,
  };
  const queue: Telemetry<Context> = {
    tracer: {
      startSpan: (name, options, of) =>
        options?.kind === SpanKind.PRODUCER && trace.getActiveSpan()
          ? tracer.startSpan(name, options, of)
          : NO_SPAN,
    },
    contextManager: { ...shared, getMetadata: (of: Context) => metadataOf(of, propagator) },
  };
  const worker: Telemetry<Context> = {
    tracer: {
      startSpan: (name, options, of = ROOT_CONTEXT) =>
        options?.kind === SpanKind.CONSUMER ? tracer.startSpan(name, options, of) : NO_SPAN,
    },
    contextManager: { ...shared, getMetadata: () => '' },
  };
  return { queue, worker };
}

/** What a job bears; '' where there is no trace, and it is to bear nothing. */
function metadataOf(of: Context, propagator: TextMapPropagator): string {
  if (!trace.getSpan(of)) return '';
  const carrier = {};
  propagator.inject(of, carrier, defaultTextMapSetter);
  return JSON.stringify(carrier);
}

const NO_SPAN: Span = {
  setSpanOnContext: (of: Context) => of,
  setAttribute: () => {},
  setAttributes: () => {},
  addEvent: () => {},
  recordException: () => {},
  end: () => {},
};
