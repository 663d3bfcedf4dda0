import rateLimit from '@fastify/rate-limit';
import type { FastifyContextConfig, FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { hasScope, type Identity, type Principal, type Scope } from '../calls/principal.ts';
import { type Denial, DenialLog } from './audit.ts';
import { faultOfBrowser } from './browsers.ts';
import { networkOf } from './networks.ts';
import { Problem, type ProblemName, problemBody } from './problems.ts';

export interface AdmissionOptions {
  /** Who brings an `Authorization` header. Never rejects; at once where it can be said at once. */
  readonly identify: (authorization: string | undefined) => Identity | Promise<Identity>;
  /** For each key; for each address where no keys are wanted, and for those without a right one. */
  readonly rateLimit: { readonly max: number; readonly windowMs: number };
  readonly onDenied: (denial: Denial) => void;
  /** Nobody has to bring anything, as only this machine is to ask. */
  readonly loopbackOnly: boolean;
}

interface AdmissionPluginOptions extends AdmissionOptions {
  /** The `Keep-Alive` header for clients that showed a valid key. */
  readonly keepAlive: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Needs no key and is not limited: for probes and scrapers. */
    open?: boolean;
    /** Wanted in place of `read` for GET and `track` for the rest; null: it is enough to be known. */
    scope?: Scope | null;
  }
  interface FastifyRequest {
    /** Who asks; on open routes nobody in particular, who may do nothing. */
    principal: Principal;
    /** Answers 403 to who asks, with the reason; told of in the log. */
    forbid(detail: string): Problem;
  }
}

const NOBODY: Principal = {
  name: 'nobody',
  scopes: new Set(),
  reach: new Set(),
  rateLimit: null,
  stillHolds: () => false,
};

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
export const admission = fastifyPlugin<AdmissionPluginOptions>(async (app, options) => {
  const { max, windowMs } = options.rateLimit;
  await app.register(rateLimit, { global: false, max, timeWindow: windowMs });
  const byAddress = app.createRateLimit({ keyGenerator: ({ client }) => networkOf(client) });
  const byPrincipal = app.createRateLimit({
    keyGenerator: ({ principal }) => principal.name,
    max: ({ principal }) => principal.rateLimit ?? max,
  });
  const denials = new DenialLog(() => performance.now());
  const deny: Deny = (request, denial, problem, why = problem.body.detail) => {
    options.onDenied(denial);
    denials.tell(request, denial, why);
    return problem;
  };

  app.decorateRequest('principal');
  app.decorateRequest('forbid', function (this: FastifyRequest, detail: string) {
    return deny(this, 'forbidden', new Problem(problemBody('forbidden', detail)));
  });
  const know = (request: FastifyRequest, reply: FastifyReply) => {
    app.connections.know(request.raw.socket);
    // Node would announce the short time-out of anonymous connections.
    if (reply.raw.shouldKeepAlive) reply.header('keep-alive', options.keepAlive);
  };
  app.addHook('onRequest', async (request, reply) => {
    request.principal = NOBODY;
    if (request.routeOptions.config.open) return;
    const identity = await options.identify(request.headers.authorization);
    if ('principal' in identity) {
      request.principal = identity.principal;
      know(request, reply);
    }
    const rate = await (identity.kind === 'known' ? byPrincipal : byAddress)(request);
    if (!rate.isAllowed && rate.isExceeded) {
      throw deny(request, 'rate-limited', tooMany(rate.ttlInSeconds));
    }
    if (!('principal' in identity)) throw refuse(request, identity, deny);
    if (identity.kind === 'anyone') {
      const fault = faultOfBrowser(request, options.loopbackOnly);
      if (fault !== null) throw request.forbid(fault);
    }
    const scope = wantedScope(request);
    if (scope && !hasScope(identity.principal, scope)) {
      throw deny(request, 'forbidden', outOfScope(scope));
    }
  });
});

/** Counts and tells of who is refused. @param why for the log alone, where the answer says less */
type Deny = (request: FastifyRequest, denial: Denial, problem: Problem, why?: string) => Problem;

/** Unknown routes need no scope. */
function wantedScope({ is404, method, routeOptions }: FastifyRequest): Scope | null {
  return is404 ? null : scopeOf(method, routeOptions.config);
}

/** What a route wants of who asks. */
export function scopeOf(method: string, { scope }: Pick<FastifyContextConfig, 'scope'>) {
  if (scope !== undefined) return scope;
  return method === 'GET' || method === 'HEAD' ? 'read' : 'track';
}

function tooMany(retryAfterS: number): Problem {
  return retryLater('rate-limited', `try again in ${retryAfterS} s`, retryAfterS);
}

function retryLater(name: ProblemName, detail: string, retryAfterS: number): Problem {
  return new Problem(problemBody(name, detail), { 'retry-after': String(retryAfterS) });
}

/** How soon to ask again while the keys of tokens cannot be had, in seconds. */
const KEYS_RETRY_AFTER_S = 5;

/** Challenges as RFC 6750 has them: no error code where no credentials came. */
function refuse(
  request: FastifyRequest,
  identity: Extract<Identity, { reason: string }>,
  deny: Deny,
): Problem {
  if (identity.kind === 'unverifiable') {
    const detail = 'the keys that it is signed with cannot be had; try again in a few seconds';
    const problem = retryLater('entra-keys-unavailable', detail, KEYS_RETRY_AFTER_S);
    return deny(request, 'unverifiable', problem, identity.reason);
  }
  const error = request.headers.authorization === undefined ? '' : ', error="invalid_token"';
  const challenge = { 'www-authenticate': `Bearer realm="callkeeper"${error}` };
  const problem = new Problem(problemBody('unauthorized', identity.reason), challenge);
  return deny(request, 'unauthorized', problem);
}

function outOfScope(scope: Scope): Problem {
  const challenge = `Bearer realm="callkeeper", error="insufficient_scope", scope="${scope}"`;
  const detail = `this wants the scope ${scope}, which the key does not have`;
  return new Problem(problemBody('forbidden', detail), { 'www-authenticate': challenge });
}
