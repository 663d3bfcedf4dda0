import rateLimit from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { ApiKeys } from './api-keys.ts';
import { Problem, problemBody } from './problems.ts';

export interface AdmissionOptions {
  /** The keys that count now, each at least 24 characters; null where none are configured. */
  readonly apiKeys: () => readonly string[] | null;
  readonly rateLimit: { readonly max: number; readonly windowMs: number };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Needs no key and is not limited: for probes and scrapers. */
    open?: boolean;
  }
  interface FastifyRequest {
    /** Which API key it brings, by a name that is no secret; '' where none. */
    apiKey: string;
  }
}

/**
 * Who may come in, and how often. Closed unless a route says `open`, unknown
 * routes included: a route that is added later is not open by an oversight, and
 * a scan for routes costs its sender guesses.
 *
 * A holder of a key is limited by the key; who has none, or a wrong one, by the
 * address. A right key is let in even from an address that has used up its
 * guesses: behind a proxy all share one address, and somebody's guesses must not
 * lock out the bots. (24 characters are not found by guessing; the limit is
 * there to bound the load.)
 */
export const admission = fastifyPlugin<AdmissionOptions>(async (app, options) => {
  const { max, windowMs } = options.rateLimit;
  await app.register(rateLimit, { global: false, max, timeWindow: windowMs });
  const byAddress = app.createRateLimit();
  const byKey = app.createRateLimit({ keyGenerator: ({ apiKey }) => apiKey });
  const keys = new ApiKeys(options.apiKeys);

  app.decorateRequest('apiKey', '');
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.open) return;
    const key = keys.identify(request.headers.authorization);
    if (key) request.apiKey = key;
    const rate = await (key ? byKey : byAddress)(request);
    if (!rate.isAllowed && rate.isExceeded) throw tooMany(rate.ttlInSeconds);
    if (key === undefined) throw unauthorized(request);
  });
});

function tooMany(retryAfterS: number): Problem {
  const detail = `try again in ${retryAfterS} s`;
  return new Problem(problemBody('rate-limited', detail), { 'retry-after': String(retryAfterS) });
}

/** Challenges as RFC 6750 has them: no error code where no credentials came. */
function unauthorized({ headers }: FastifyRequest): Problem {
  const given = headers.authorization !== undefined;
  const detail = given
    ? 'the key in the Authorization header is not one of this server'
    : 'send the header Authorization: Bearer KEY';
  const challenge = `Bearer realm="callkeeper"${given ? ', error="invalid_token"' : ''}`;
  return new Problem(problemBody('unauthorized', detail), { 'www-authenticate': challenge });
}
