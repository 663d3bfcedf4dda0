import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Logger } from 'pino';
import { acceptJsonOnly } from './bodies.ts';
import { knowClients, type TrustsProxy } from './client-address.ts';
import { ConnectionGuard, type DropReason } from './connection-guard.ts';
import { DropLog } from './drop-log.ts';
import { answerFailure, answerFrameworkFailure, answerUnknownRoute } from './failures.ts';
import type { Limits } from './limits.ts';
import { answerParserFailure } from './parser-failures.ts';
import { Problem, problemBody } from './problems.ts';
import { answerRequestIds, requestId } from './request-id.ts';
import { compileValidator } from './validation.ts';

declare module 'fastify' {
  interface FastifyInstance {
    connections: ConnectionGuard;
  }
}

/** What all listeners share: limits, and problem documents for errors. */
export function createServer(
  log: Logger,
  limits: Limits,
  onConnectionDropped: (reason: DropReason) => void,
  trustsProxy: TrustsProxy = () => false,
) {
  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.maxBodyBytes,
    // A long id must reach its schema, which refuses it.
    routerOptions: { maxParamLength: limits.maxHeaderBytes },
    connectionTimeout: limits.inactivityMs,
    requestTimeout: limits.requestTimeoutMs,
    // Until the connection shows a key; then `ConnectionGuard` prolongs it.
    keepAliveTimeout: limits.anonymousKeepAliveMs,
    http: {
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.checkEveryMs,
      maxHeaderSize: limits.maxHeaderBytes,
      // Node would answer with an empty body; `refuseMissingHost` answers with a problem.
      requireHostHeader: false,
    },
    // While it closes, requests on open connections are still answered.
    return503OnClosing: false,
    // A logger per request costs as much as validation; log lines add the id themselves.
    childLoggerFactory: (logger) => logger,
    genReqId: requestId,
    clientErrorHandler: (error, socket) => answerParserFailure(log, error, socket),
    frameworkErrors: answerFrameworkFailure,
  }).withTypeProvider<TypeBoxTypeProvider>();
  const drops = new DropLog(log, () => performance.now());
  const connections = new ConnectionGuard(app.server, limits, (drop) => {
    onConnectionDropped(drop.reason);
    drops.add(drop);
  });
  app.decorate('connections', connections);
  app.addHook('preClose', async () => connections.closeAnonymous());
  app.setValidatorCompiler(compileValidator);
  // Answers are sent as the routes build them; tests check them against their schemas.
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(answerFailure);
  app.setNotFoundHandler(answerUnknownRoute);
  knowClients(app, trustsProxy);
  answerRequestIds(app);
  acceptJsonOnly(app);
  refuseMissingHost(app);
  ignoreExpectations(app);
  if (log.isLevelEnabled('debug')) logRequests(app);
  return app;
}

/** https://www.rfc-editor.org/rfc/rfc9112#section-3.2 */
function refuseMissingHost(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw }) => {
    if (raw.headers.host !== undefined || raw.httpVersion !== '1.1') return;
    throw new Problem(problemBody('malformed-request', 'HTTP/1.1 needs the header Host'));
  });
}

/**
 * Node answers an unknown `Expect` with 417, without a problem document. A server may ignore it:
 * https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
 */
function ignoreExpectations({ server }: FastifyInstance): void {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}

/** Never logs headers: they contain keys. */
function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, { statusCode, elapsedTime }) => {
    const { method, url, client } = request;
    request.log.debug(
      { reqId: request.id, method, url, client, statusCode, elapsedMs: elapsedTime },
      'request',
    );
  });
}
