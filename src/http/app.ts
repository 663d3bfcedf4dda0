import type { FastifyInstance, FastifyPluginCallback } from 'fastify';
import { type Logger, pino } from 'pino';
import type { CallsFor } from '../calls/calls.ts';
import type { EventLog } from '../calls/event.ts';
import type { Wheel } from '../calls/wheel.ts';
import type { Overviews } from '../overview/overview.ts';
import { type AdmissionOptions, admission } from './admission.ts';
import { watchMethods } from './allowed-methods.ts';
import { callPresenter } from './call-resource.ts';
import type { TrustsProxy } from './client-address.ts';
import type { DropReason } from './connection-guard.ts';
import { eventPresenter, type PresentOwnerRecord } from './event-resource.ts';
import { LIMITS, type Limits, METRICS_LIMITS } from './limits.ts';
import { openApi } from './openapi.ts';
import { type AttemptRoutesOptions, attemptRoutes } from './routes/attempts.ts';
import { boardRoutes } from './routes/board.ts';
import { callRoutes } from './routes/calls.ts';
import { eventRoutes } from './routes/events.ts';
import { keepAliveRoutes } from './routes/keep-alive.ts';
import { type AdmitNotifications, notificationRoutes } from './routes/notifications.ts';
import {
  documentRoutes,
  type MetricsRoutesOptions,
  metricsRoutes,
  type ProbeRoutesOptions,
  probeRoutes,
} from './routes/operations.ts';
import { overviewRoutes } from './routes/overview.ts';
import { type OwnerRoutesOptions, ownerRoutes } from './routes/owners.ts';
import { trackRoutes } from './routes/track.ts';
import { trackBatchRoutes } from './routes/track-batch.ts';
import { untrackBatchRoutes } from './routes/untrack-batch.ts';
import { securityHeaders } from './security-headers.ts';
import { createServer } from './server.ts';

export interface HttpOptions extends AdmissionOptions, ProbeRoutesOptions {
  readonly calls: CallsFor;
  readonly owners: OwnerRoutesOptions['owners'];
  readonly presentOwner: PresentOwnerRecord;
  readonly events: EventLog;
  readonly overviews: Overviews;
  readonly replica: string;
  readonly diary: AttemptRoutesOptions['diary'];
  /** Checks Graph's token on notifications; null: it is not checked. */
  readonly admitNotifications: AdmitNotifications | null;
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  /** null: they are served by {@link buildMetricsApp}. */
  readonly metrics: MetricsRoutesOptions['metrics'] | null;
  /** null if traces are off. */
  readonly tracing: FastifyPluginCallback | null;
  /** Called for each answer, except to probes and for open pages. */
  onAnswered(status: number): void;
  onConnectionDropped(reason: DropReason): void;
  readonly trustsProxy?: TrustsProxy;
  readonly log: Logger;
  readonly version: string;
  /** Instead of {@link LIMITS}, for tests. */
  readonly limits?: Partial<Limits>;
}

/** Builds the API; it does not listen yet. The caller closes it. */
export async function buildApp(options: HttpOptions): Promise<FastifyInstance> {
  const { calls, metrics, version } = options;
  const limits = { ...LIMITS, ...options.limits };
  const app = createServer(options.log, limits, options.onConnectionDropped, options.trustsProxy);
  if (options.tracing) await app.register(options.tracing);
  const refuseOtherMethods = watchMethods(app);
  const present = callPresenter(options.wheel, options.deadlineMs);
  app.addHook('onResponse', (request, { statusCode }, done) => {
    if (!request.routeOptions.config.open) options.onAnswered(statusCode);
    done();
  });
  await app.register(securityHeaders);
  const keepAlive = `timeout=${Math.floor(limits.keepAliveTimeoutMs / 1_000)}`;
  await app.register(admission, { ...options, keepAlive });
  await app.register(openApi, { version });
  await app.register(trackRoutes, { calls, present });
  await app.register(trackBatchRoutes, { calls, present, maxBodyBytes: limits.maxBatchBodyBytes });
  await app.register(untrackBatchRoutes, { calls, maxBodyBytes: limits.maxBatchBodyBytes });
  await app.register(ownerRoutes, { owners: options.owners });
  const maxBodyBytes = limits.maxNotificationBytes;
  await app.register(notificationRoutes, {
    calls,
    admit: options.admitNotifications,
    maxBodyBytes,
  });
  await app.register(callRoutes, { calls, present });
  await app.register(keepAliveRoutes, { calls, present });
  const { replica, diary } = options;
  await app.register(attemptRoutes, { calls, replica, diary });
  await app.register(eventRoutes, {
    events: options.events,
    present: eventPresenter(present, options.presentOwner),
    limits,
  });
  const { overviews, wheel, deadlineMs } = options;
  const ready = () => options.ready();
  const context = { present, wheel, deadlineMs, version, ready };
  await app.register(overviewRoutes, { overviews, calls, ...context });
  if (metrics) await app.register(metricsRoutes, { metrics });
  await app.register(probeRoutes, { ready });
  await app.register(documentRoutes);
  await app.register(boardRoutes);
  refuseOtherMethods();
  return app;
}

export type MetricsAppOptions = MetricsRoutesOptions &
  ProbeRoutesOptions &
  Pick<HttpOptions, 'onConnectionDropped' | 'log'>;

/** The listener of `METRICS_ADDRESS`: metrics and probes, without a key. The caller closes it. */
export async function buildMetricsApp(options: MetricsAppOptions): Promise<FastifyInstance> {
  const app = createServer(options.log, METRICS_LIMITS, options.onConnectionDropped);
  const refuseOtherMethods = watchMethods(app);
  await app.register(securityHeaders);
  await app.register(metricsRoutes, { metrics: options.metrics });
  await app.register(probeRoutes, { ready: () => options.ready() });
  refuseOtherMethods();
  return app;
}

/** The OpenAPI document, without a daemon. */
export async function buildOpenApi(version: string): Promise<object> {
  const undocumented = () => {
    throw new Error('this app only documents itself');
  };
  const app = await buildApp({
    calls: { within: undocumented },
    owners: { within: undocumented },
    presentOwner: undocumented,
    events: { readAfter: undocumented },
    overviews: { read: undocumented },
    replica: '',
    diary: { attemptsOf: undocumented },
    admitNotifications: null,
    wheel: { intervalMs: 1, slots: 1 },
    deadlineMs: 1,
    metrics: { contentType: 'text/plain', render: undocumented },
    ready: () => [],
    identify: undocumented,
    onDenied: undocumented,
    loopbackOnly: false,
    tracing: null,
    onAnswered: undocumented,
    onConnectionDropped: undocumented,
    rateLimit: { max: 1, windowMs: 1 },
    log: pino({ level: 'silent' }),
    version,
  });
  await app.ready();
  try {
    return app.swagger();
  } finally {
    await app.close();
  }
}
