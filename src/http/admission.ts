import rateLimit from '@fastify/rate-limit';
import type { FastifyContextConfig, FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { hasScope, type IdentifyResult, type Principal, type Scope } from '../calls/principal.ts';
import { type Denial, DenialLog } from './audit.ts';
import { faultOfBrowser } from './browsers.ts';
import { networkOf } from './networks.ts';
import { Problem, type ProblemName, problemBody } from './problems.ts';

export interface AdmissionOptions {
  /** Identifies the sender of an `Authorization` header. Never rejects. */
  readonly identify: (
    authorization: string | undefined,
  ) => IdentifyResult | Promise<IdentifyResult>;
  /** Per key; per address if no key is required, and for clients without a valid key. */
  readonly rateLimit: { readonly max: number; readonly windowMs: number };
  readonly onDenied: (denial: Denial) => void;
  /** No key is required, because only this machine may ask. */
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
    /** Default: `read` for GET and HEAD, else `track`; null: any valid key. */
    scope?: Scope | null;
  }
  interface FastifyRequest {
    /** The client; on open routes one without rights. */
    principal: Principal;
    /** Logs the refusal and returns the problem 403. */
    forbid(detail: string): Problem;
  }
}

const NOBODY: Principal = {
  name: 'nobody',
  scopes: new Set(),
  visibleApps: new Set(),
  rateLimit: null,
  stillHolds: () => false,
};

/**
 * Decides who may send requests, and how many. A route needs a key unless it says `open`. So does
 * an unknown route: a new route is not open by mistake, and a scan for routes uses up the sender's
 * guesses.
 *
 * A client with a valid key is limited by its key, any other by its address. A valid key is
 * accepted even from an address that has used up its guesses: behind a proxy all clients share one
 * address, and the guesses of one must not lock out the bots. (Nobody can guess 24 characters; the
 * limit only bounds the load.)
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

/** Counts and logs a refusal. @param why only for the log, if the answer says less */
type Deny = (request: FastifyRequest, denial: Denial, problem: Problem, why?: string) => Problem;

/** Unknown routes need no scope. */
function wantedScope({ is404, method, routeOptions }: FastifyRequest): Scope | null {
  return is404 ? null : scopeOf(method, routeOptions.config);
}

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

/** `Retry-After` while the signing keys cannot be fetched, in seconds. */
const KEYS_RETRY_AFTER_S = 5;

/** The challenge has no error code if the request had no credentials: RFC 6750. */
function refuse(
  request: FastifyRequest,
  identity: Extract<IdentifyResult, { reason: string }>,
  deny: Deny,
): Problem {
  if (identity.kind === 'unverifiable') {
    const detail = 'its signing keys cannot be fetched; try again in a few seconds';
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
  const detail = `the key lacks the scope \`${scope}\``;
  return new Problem(problemBody('forbidden', detail), { 'www-authenticate': challenge });
}
