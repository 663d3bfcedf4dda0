import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

export const REQUEST_ID = 'x-request-id';
/** Nothing that could break a line of a log, or fill it. */
const SANE = /^[\w.~:+/=@-]{1,128}$/;

/** The id that a client or proxy gave the request; a new one if it gave none, or one that is not sane. */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers[REQUEST_ID];
  return typeof given === 'string' && SANE.test(given) ? given : randomUUID();
}

/** Answers bear the id that the log has, streams of events included. */
export function answerRequestIds(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.raw.setHeader(REQUEST_ID, request.id);
  });
}
