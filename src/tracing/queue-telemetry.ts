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
 * BullMQ's telemetry, reduced to two things: that a request enqueued a job, and that a worker took
 * it, in the trace of that request. BullMQ also polls for jobs, and makes the next job of a
 * scheduler with each one, which would put all turns into one trace.
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
