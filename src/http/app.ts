import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { type Logger, pino } from 'pino';
import type { CallsFor } from '../calls/calls.ts';
import type { EventLog } from '../calls/event.ts';
import type { Overviews } from '../calls/overview.ts';
import type { Wheel } from '../calls/wheel.ts';
import { type AdmissionOptions, admission } from './admission.ts';
import { watchMethods } from './allowed-methods.ts';
import { acceptJsonOnly } from './bodies.ts';
import { callPresenter } from './call-resource.ts';
import { answerFailure, answerFrameworkFailure, answerUnknownRoute } from './failures.ts';
import { LIMITS, type Limits } from './limits.ts';
import { openApi } from './openapi.ts';
import { answerParserFailure } from './parser-failures.ts';
import { boardRoutes } from './routes/board.ts';
import { callRoutes } from './routes/calls.ts';
import { eventRoutes } from './routes/events.ts';
import { keepAliveRoutes } from './routes/keep-alive.ts';
import { type AdmitNotifications, notificationRoutes } from './routes/notifications.ts';
import { documentRoutes, operationRoutes } from './routes/operations.ts';
import { overviewRoutes } from './routes/overview.ts';
import { trackRoutes } from './routes/track.ts';
import { trackBatchRoutes } from './routes/track-batch.ts';
import { securityHeaders } from './security-headers.ts';
import { compileValidator } from './validation.ts';

export interface HttpOptions extends AdmissionOptions {
  readonly calls: CallsFor;
  readonly events: EventLog;
  readonly overviews: Overviews;
  /** Checks Graph's token on notifications; null: it is not checked. */
  readonly admitNotifications: AdmitNotifications | null;
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  /** In the format of Prometheus. */
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
  /** The reasons why this replica is not ready; none where it is. */
  ready(): string[];
  readonly log: Logger;
  readonly version: string;
  /** Others than {@link LIMITS}, for tests. */
  readonly limits?: Partial<Limits>;
}

/** The API as an instance that does not listen yet. Who builds it closes it. */
export async function buildApp(options: HttpOptions): Promise<FastifyInstance> {
  const { calls, metrics, version } = options;
  const limits = { ...LIMITS, ...options.limits };
  const app = createServer(options.log, limits);
  const refuseOtherMethods = watchMethods(app);
  const present = callPresenter(options.wheel, options.deadlineMs);
  await app.register(securityHeaders);
  await app.register(admission, options);
  await app.register(openApi, { version });
  await app.register(trackRoutes, { calls, present });
  await app.register(trackBatchRoutes, { calls, present, maxBodyBytes: limits.maxBatchBodyBytes });
  const maxBodyBytes = limits.maxNotificationBytes;
  await app.register(notificationRoutes, {
    calls,
    admit: options.admitNotifications,
    maxBodyBytes,
  });
  await app.register(callRoutes, { calls, present });
  await app.register(keepAliveRoutes, { calls, present });
  await app.register(eventRoutes, { events: options.events, present, limits });
  const { overviews, wheel, deadlineMs } = options;
  await app.register(overviewRoutes, { overviews, calls, present, wheel, deadlineMs, version });
  await app.register(operationRoutes, { metrics, ready: () => options.ready() });
  await app.register(documentRoutes);
  await app.register(boardRoutes);
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
    events: { readAfter: undocumented },
    overviews: { read: undocumented },
    admitNotifications: null,
    wheel: { intervalMs: 1, slots: 1 },
    deadlineMs: 1,
    metrics: { contentType: 'text/plain', render: undocumented },
    ready: () => [],
    identify: undocumented,
    onDenied: undocumented,
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

function createServer(log: Logger, limits: Limits) {
  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.maxBodyBytes,
    // An id of any length reaches its schema, which refuses it.
    routerOptions: { maxParamLength: limits.maxHeaderBytes },
    connectionTimeout: limits.inactivityMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    http: {
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.checkEveryMs,
      maxHeaderSize: limits.maxHeaderBytes,
    },
    // While it closes, what still comes on open connections is answered, not refused.
    return503OnClosing: false,
    // A logger for each request would cost as much as its validation; a line names its request itself.
    childLoggerFactory: (logger) => logger,
    clientErrorHandler: (error, socket) => answerParserFailure(log, error, socket),
    frameworkErrors: answerFrameworkFailure,
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = limits.maxConnections;
  app.setValidatorCompiler(compileValidator);
  // Answers are what the routes build, to the letter; tests hold them against their schemas.
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(answerFailure);
  app.setNotFoundHandler(answerUnknownRoute);
  acceptJsonOnly(app);
  if (log.isLevelEnabled('debug')) logRequests(app);
  return app;
}

/** A line a request; only where somebody wants it, as it costs. Never headers: they hold keys. */
function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, { statusCode, elapsedTime }) => {
    const { method, url, ip } = request;
    request.log.debug(
      { reqId: request.id, method, url, ip, statusCode, elapsedMs: elapsedTime },
      'request',
    );
  });
}
