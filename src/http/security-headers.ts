import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import helmet from 'helmet';

/**
 * An answer of the API is not a page, so a browser may not load, run or frame anything for it. A
 * route that serves a page sets its own `content-security-policy`.
 *
 * Without Strict-Transport-Security, which must not be sent over HTTP
 * (https://www.rfc-editor.org/rfc/rfc6797#section-7.2). The proxy that ends TLS decides that for
 * its host.
 */
const apply = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  },
  xFrameOptions: { action: 'deny' },
  strictTransportSecurity: false,
});

/**
 * The headers of helmet, by lower-case name. They are the same for all answers, so helmet runs
 * once. For each request it would take 15 µs of CPU, a quarter of the cost of tracking a known call;
 * sending them takes 3 µs.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = readHeaders();

function readHeaders(): Record<string, string> {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  apply(request, response, () => {});
  return Object.fromEntries(
    Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]),
  );
}

export const securityHeaders = fastifyPlugin(async (app) => {
  app.addHook('onRequest', (_request, reply: FastifyReply, next) => {
    reply.headers(SECURITY_HEADERS);
    next();
  });
});
