import { AsyncLocalStorage } from 'node:async_hooks';
import { FastifyOtelInstrumentation } from '@fastify/otel';
import {
  context,
  DiagLogLevel,
  diag,
  propagation,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import { queueTelemetry } from './queue-telemetry.ts';
import { type SamplerOptions, samplerOf } from './sampler.ts';
import { tracedSender, tracedVisits } from './visits.ts';

export interface TracingOptions {
  readonly sampler: SamplerOptions;
  /** From the variables `OTEL_BSP_…`, in ms and in spans. */
  readonly batch: {
    readonly scheduledDelayMillis: number;
    readonly exportTimeoutMillis: number;
    readonly maxQueueSize: number;
    readonly maxExportBatchSize: number;
  };
  readonly version: string;
  readonly replica: string;
  readonly log: Logger;
}

export type Tracing = ReturnType<typeof startTracing>;

/** Limit of the last export, when the daemon stops. */
const STOP_MS = 3_000;

/**
 * Records spans and exports them by OTLP, as OpenTelemetry's own variables say. If the collector is
 * out, spans are dropped, and nothing waits.
 *
 * This file, and with it OpenTelemetry, is only loaded if traces are on.
 */
export function startTracing({ sampler, batch, version, replica, log }: TracingOptions) {
  logFailures(log);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(INWARD);
  const ours = resourceFromAttributes({
    'service.name': 'callkeeper',
    'service.version': version,
    'service.instance.id': replica,
  });
  const provider = new TracerProvider({
    // The variables take precedence over our attributes.
    resource: defaultResource()
      .merge(ours)
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOf(sampler),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), ...batch })],
  });
  trace.setGlobalTracerProvider(provider);
  // Other requests, such as webhooks, are not traced, because their URLs may be confidential.
  const requests = new UndiciInstrumentation({ requireParentforSpans: true });
  requests.setTracerProvider(provider);
  const api = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    ignorePaths: ({ url }) => PROBES.has(pathOf(url)),
    requestHook: (span, { method, routeOptions, url }) => {
      span.updateName(`${method} ${routeOptions.url ?? 'unknown route'}`);
      // The plugin would include the query, which may contain secrets of a bot.
      span.setAttribute('url.path', pathOf(url));
    },
  });
  api.setTracerProvider(provider);
  return {
    /** For Fastify, before any route. */
    plugin: api.plugin(),
    telemetry: queueTelemetry(W3C),
    sender: tracedSender,
    visits: tracedVisits,
    /** Captures the context in which a call is handed over; its keepAlive runs in it later. */
    bind: () => AsyncLocalStorage.snapshot(),
    stop: async () => {
      requests.disable();
      const late = new Promise((resolve) => setTimeout(resolve, STOP_MS).unref());
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
    },
  };
}

const W3C = new W3CTraceContextPropagator();
const PROBES = new Set(['/metrics', '/livez', '/readyz']);

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? '';
}

/**
 * Continues the trace of a bot, but sends no trace context to others: Graph and Entra would not use
 * it, and a proxy might refuse a keepAlive because of the header.
 */
const INWARD: TextMapPropagator = {
  inject: () => {},
  extract: (of, carrier, getter) => W3C.extract(of, carrier, getter),
  fields: () => W3C.fields(),
};

/**
 * Logs only the first of several failures in a row as a warning: there is an export every few
 * seconds.
 */
function logFailures(log: Logger): void {
  let isTold = false;
  const tell = (reason: string) => {
    log[isTold ? 'debug' : 'warn']({ reason: reason.slice(0, 500) }, 'traces are not exported');
    isTold = true;
  };
  setGlobalErrorHandler((error) => tell(typeof error === 'string' ? error : String(error.message)));
  const ignore = () => {};
  diag.setLogger(
    { error: tell, warn: tell, info: ignore, debug: ignore, verbose: ignore },
    DiagLogLevel.WARN,
  );
}
