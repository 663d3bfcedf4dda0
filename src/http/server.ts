import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Logger } from 'pino';
import { acceptJsonOnly } from './bodies.ts';
import { answerFailure, answerFrameworkFailure, answerUnknownRoute } from './failures.ts';
import type { Limits } from './limits.ts';
import { answerParserFailure } from './parser-failures.ts';
import { compileValidator } from './validation.ts';

/** What all listeners have in common: limits, and problems for answers to what is wrong. */
export function createServer(log: Logger, limits: Limits) {
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
