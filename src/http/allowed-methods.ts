import type { FastifyInstance, HTTPMethods } from 'fastify';
import { Problem, problemBody } from './problems.ts';

/**
 * Answers 405 with `Allow` for methods that a known path does not have. Call it before the routes
 * are registered, and the returned function after.
 */
export function watchMethods(app: FastifyInstance): () => void {
  const urls = new Set<string>();
  app.addHook('onRoute', ({ url }) => void urls.add(url));
  return () => {
    for (const url of [...urls]) if (!url.includes('*')) refuseOthers(app, url);
  };
}

function refuseOthers(app: FastifyInstance, url: string): void {
  const known = (method: HTTPMethods) => app.hasRoute({ method, url });
  const methods = app.supportedMethods as HTTPMethods[];
  const allow = methods.filter(known).join(', ');
  const refuse = () => {
    throw new Problem(problemBody('method-not-allowed', `use ${allow}`), { allow });
  };
  app.route({
    method: methods.filter((method) => !known(method)),
    url,
    schema: { hide: true },
    config: { scope: null },
    // Before the body is read.
    onRequest: refuse,
    handler: refuse,
  });
}
