import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock, Random } from '../calls/ports.ts';
import type { AppIdentity, ManagedIdentity } from './app.ts';
import { CLOUDS } from './clouds.ts';
import { type ClientProof, readCredential } from './credential.ts';
import type { Dispatchers } from './dispatchers.ts';
import { acquireToken } from './entra.ts';
import { acquireManagedToken } from './managed-identity.ts';
import type { MsalOptions } from './msal-network.ts';
import { type Token, TokenCache, TokenError } from './token-cache.ts';

/** A token request that failed. */
export interface TokenFailure {
  /** '' if the token serves several apps. */
  readonly app: string;
  /** null: the token is that of a managed identity. */
  readonly tenantId: string | null;
  readonly reason: string;
  /** Whether the last token is still valid, so that no call fails yet. */
  readonly isHeld: boolean;
}

export interface TokensOptions {
  readonly connections: Dispatchers;
  readonly tokenMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** @param app '' if the token serves several apps */
  readonly requested: (outcome: 'success' | 'failure', app: string) => void;
  readonly failed?: ((failure: TokenFailure) => void) | undefined;
  readonly userAgent: string;
  /** See `TokenCacheOptions`. */
  readonly reserveMs: number;
  /** Such as `https://redis.azure.com/.default`; by default Graph of the app's cloud. */
  readonly scope?: string;
}

interface Held {
  readonly app: AppIdentity;
  readonly tenantId: string;
  readonly cache: TokenCache;
  /** A count of all uses: the greater, the later. */
  lastUse: number;
}

/** The most cached tokens. Forgetting one costs only a token request. */
const MAX_TENANTS = 10_000;

/** The tokens of the configured apps, one cache for each app and tenant. */
export class Tokens {
  readonly #options: TokensOptions;
  /** By app and tenant. */
  readonly #held = new Map<string, Held>();
  #uses = 0;
  /** Of managed identities that apps trust, by identity and audience. */
  readonly #assertions = new Map<string, TokenCache>();

  constructor(options: TokensOptions) {
    this.#options = options;
  }

  of(app: AppIdentity, tenantId: string): TokenCache {
    const key = `${app.name} ${tenantId}`;
    const known = this.#held.get(key);
    if (known !== undefined) {
      known.lastUse = ++this.#uses;
      return known.cache;
    }
    const cache = this.#create(app, tenantId);
    if (this.#held.size >= MAX_TENANTS) this.#forgetOne();
    this.#held.set(key, { app, tenantId, cache, lastUse: ++this.#uses });
    return cache;
  }

  /**
   * Call it when the configured apps have changed. An app with the same credential keeps its
   * tokens. If only its credential changed, its token is used until the new credential has brought
   * another one.
   */
  use(apps: readonly AppIdentity[]): void {
    const byName = new Map(apps.map((app) => [app.name, app]));
    for (const [key, held] of this.#held) {
      const { app, tenantId, cache } = held;
      const now = byName.get(app.name);
      if (now === undefined || !isSameApp(app, now)) {
        this.#held.delete(key);
      } else if (!isDeepStrictEqual(app.credential, now.credential)) {
        this.#held.set(key, { ...held, app: now, cache: this.#create(now, tenantId, cache) });
      }
    }
  }

  /** Prefers tenants without a token, which may not exist; then the least recently used. */
  #forgetOne(): void {
    const rankOf = ({ cache, lastUse }: Held) => (cache.isAtHand ? this.#uses : 0) + lastUse;
    let first: string | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const [key, held] of this.#held) {
      const rank = rankOf(held);
      if (rank < least) [first, least] = [key, rank];
    }
    if (first !== null) this.#held.delete(first);
  }

  #create(app: AppIdentity, tenantId: string, predecessor: TokenCache | null = null): TokenCache {
    const log = this.#options.log.child({ app: app.name, tenantId });
    const acquire = (claims: string | null) => this.#acquire(app, tenantId, claims);
    return this.#cache(acquire, log, { app: app.name, tenantId }, predecessor);
  }

  #cache(
    acquire: (claims: string | null) => Promise<Token>,
    log: Logger,
    of: Pick<TokenFailure, 'app' | 'tenantId'>,
    predecessor: TokenCache | null = null,
  ): TokenCache {
    const { random, reserveMs } = this.#options;
    const requested = (outcome: 'success' | 'failure') => this.#options.requested(outcome, of.app);
    const failed = ({ message: reason }: TokenError, isHeld: boolean) =>
      this.#options.failed?.({ ...of, reason, isHeld });
    const uptime = () => performance.now();
    return new TokenCache(
      { acquire, uptime, random, log, requested, failed, reserveMs },
      predecessor,
    );
  }

  async #acquire(app: AppIdentity, tenantId: string, claims: string | null): Promise<Token> {
    const { credential } = app;
    if (credential.kind === 'managed-identity') {
      if (tenantId !== app.tenantId) {
        const own = `a managed identity gets tokens only for its own tenant, ${app.tenantId}`;
        throw new TokenError(null, own, null);
      }
      const resource = this.#scopeOf(app).replace(/\/\.default$/, '');
      return acquireManagedToken(credential.identity, resource, this.#toMachine());
    }
    const until = performance.now() + this.#options.tokenMs;
    const proof = await this.#prove(app);
    const leftMs = Math.max(1, until - performance.now());
    return acquireToken(app, proof, tenantId, this.#scopeOf(app), claims, this.#toEntra(leftMs));
  }

  #scopeOf({ cloud }: AppIdentity): string {
    return this.#options.scope ?? `https://${CLOUDS[cloud].graphHost}/.default`;
  }

  async #prove({ credential, cloud }: AppIdentity): Promise<ClientProof> {
    switch (credential.kind) {
      case 'managed-identity':
        return {}; // No authority: see above.
      case 'federated-managed-identity': {
        const audience = CLOUDS[cloud].tokenExchangeAudience;
        return { clientAssertion: await this.#assertion(credential.identity, audience).get() };
      }
      default:
        return readCredential(credential, AbortSignal.timeout(this.#options.tokenMs));
    }
  }

  /** One for all apps and tenants, because the machine limits the number of requests. */
  #assertion(identity: ManagedIdentity, audience: string): TokenCache {
    const key = JSON.stringify([identity, audience]);
    const known = this.#assertions.get(key);
    if (known !== undefined) return known;
    const acquire = () => acquireManagedToken(identity, audience, this.#toMachine());
    const cache = this.#cache(acquire, this.#options.log.child({ identity, audience }), {
      app: '',
      tenantId: null,
    });
    this.#assertions.set(key, cache);
    return cache;
  }

  #toEntra(tokenMs: number): MsalOptions {
    const { clock, connections, userAgent } = this.#options;
    return { dispatcher: connections.tokens, tokenMs, userAgent, now: () => clock.now() };
  }

  #toMachine(): MsalOptions {
    const { connections, tokenMs } = this.#options;
    return { ...this.#toEntra(tokenMs), dispatcher: connections.direct };
  }
}

function isSameApp(one: AppIdentity, other: AppIdentity): boolean {
  const told = ({ clientId, cloud, authorityHost, credential, tenantId }: AppIdentity) => [
    clientId,
    cloud,
    authorityHost,
    // The token is then that of the identity, in its own tenant, whatever the client id says.
    credential.kind === 'managed-identity' ? [credential.identity, tenantId] : null,
  ];
  return isDeepStrictEqual(told(one), told(other));
}
