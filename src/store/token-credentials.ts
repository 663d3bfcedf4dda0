import { once } from 'node:events';
import type { Clock } from '../calls/ports.ts';
import type { RedisCause } from './cause.ts';
import { type Credential, RotatingCredentials } from './credentials.ts';

export interface CredentialSource {
  /** The one at hand, or a new one; rejects if there is none. Renews ahead of the end. */
  get(): Promise<Credential>;
  /** How long the latest one is valid, in ms; 0 or less if none is. */
  leftMs(): number;
  /** Gets another one because Redis rejects this one; declines if it did so a moment ago. */
  replace(credential: Credential): Promise<unknown>;
}

export interface TokenCredentialsOptions {
  readonly source: CredentialSource;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Before the first token. */
  readonly username: string | undefined;
  /** What to do if Redis rejects a valid one, in sentences. */
  readonly fix: string;
}

const LEAST_MS = 100;
const MOST_MS = 60_000;
/** The pause is this fraction of the remaining life, so that short lives are renewed in time too. */
const PAUSES_IN_LIFE = 8;

/**
 * Credentials that expire, such as tokens of Entra ID. The source renews them ahead of their end,
 * but only when it is asked. So this class asks after an eighth of the remaining life, at most a
 * minute. The first request after the time to renew starts the renewal, and the next one gets the
 * new token, within 2 minutes. A token that cannot be renewed stays in use until its end.
 */
export class TokenCredentials extends RotatingCredentials {
  readonly #options: TokenCredentialsOptions;
  readonly #stopping = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  #failure: Error | null = null;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: TokenCredentialsOptions) {
    super({ username: options.username, password: undefined }, options.fix);
    this.#options = options;
  }

  override get ready(): Promise<unknown> {
    return this.#first.promise;
  }

  override get fault(): RedisCause | null {
    // A token that says nothing of its user cannot be used, however long it lasts.
    if (this.#options.source.leftMs() > 0 && this.current.password !== undefined) return null;
    const why = this.#failure?.message ?? 'waiting for the first one';
    return {
      code: 'NO_TOKEN',
      what: `no token for Redis: ${why.replace(/\.$/, '')}`,
      fix: "Let this host reach Entra ID, and check the identity's credential.",
    };
  }

  override fixFor(_: string): string {
    return this.fix;
  }

  start(): void {
    this.#running = Promise.race([this.#run(), once(this.#stopping.signal, 'abort')]);
  }

  /** Does not wait for a token that was asked for. May be called twice, and before `start`. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  override rejected(credential: Credential): void {
    if (credential !== this.current) return;
    const { source } = this.#options;
    void source.replace(credential).then(
      () => this.#look(),
      () => undefined, // the next look says why
    );
  }

  async #run(): Promise<void> {
    const { clock, source } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#look();
      this.#first.resolve();
      const pauseMs = source.leftMs() / PAUSES_IN_LIFE;
      await clock.sleep(Math.ceil(Math.min(MOST_MS, Math.max(LEAST_MS, pauseMs))), signal);
    }
  }

  async #look(): Promise<void> {
    try {
      this.use(await this.#options.source.get());
      this.#failure = null;
    } catch (error) {
      this.#failure = error as Error;
    }
  }
}
