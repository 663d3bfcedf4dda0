import type { FastifyInstance } from 'fastify';
import { Problem, problemBody } from './problems.ts';

/** A `preValidation` hook for routes whose body is optional. */
export function defaultToEmptyBody(
  request: { body: unknown },
  _reply: unknown,
  next: () => void,
): void {
  if (request.body === undefined) request.body = {};
  next();
}

/**
 * Parses JSON bodies. A body may also be empty with any content type, because `curl -X POST -d ''`
 * says that it sends a form. `__proto__`, and `constructor` with a `prototype`, are refused at any
 * depth.
 */
export function acceptJsonOnly(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (text === '') done(null);
    else parseJson(request, text as string, done);
  });
  app.addContentTypeParser('*', ({ headers }, _payload, done) => {
    if (headers['content-length'] === '0') done(null);
    else done(new Problem(problemBody('unsupported-media-type', 'send application/json')));
  });
}
