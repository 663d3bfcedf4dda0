import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { causeOf } from './cause.ts';
import type { Credential, RedisCredentials } from './credentials.ts';

/** A rejected password is sent again after this, in ms: Redis may learn of it later than we do. */
const RETRY_MS = 5_000;

/**
 * Keeps one connection authenticated: each connect uses the current credential, and a live
 * connection sends `AUTH` when there is a newer one, so that a rotation replaces no connection.
 *
 * Redis answers an `AUTH` behind a command that blocks when the block ends. Our reads block for
 * 10 s at most (a heartbeat of the event feed, a BullMQ worker), and the answer may take 5 s more.
 * A token that lives for an hour is renewed 10 minutes before its end, and we have the new one 2
 * minutes later (see `TokenCredentials`). So each connection has it more than 7 minutes before the
 * old one ends. Azure asks for 3:
 * https://learn.microsoft.com/azure/redis/entra-for-authentication#best-practices-for-microsoft-entra-authentication
 *
 * ioredis has no credentials provider (its issues 2022 and 2039), but reads its options at each connect.
 */
export class Authentication {
  readonly #redis: Redis;
  readonly #credentials: RedisCredentials;
  readonly #log: Logger;
  #used: Credential;
  /** The credential that was sent and has no answer yet. */
  #sent: Credential | null = null;
  #retry: NodeJS.Timeout | undefined;
  #unfollow: (() => void) | null = null;

  /** @param redis not connecting yet */
  constructor(redis: Redis, credentials: RedisCredentials, log: Logger) {
    this.#redis = redis;
    this.#credentials = credentials;
    this.#log = log;
    this.#used = credentials.current;
    this.#follow();
    const connect = redis.connect.bind(redis);
    redis.connect = (...args) => {
      this.#beforeConnect();
      return connect(...args);
    };
    redis.on('ready', () => this.#renew());
    redis.on('close', () => clearTimeout(this.#retry));
    redis.on('end', () => {
      this.#unfollow?.();
      this.#unfollow = null;
    });
    redis.on('error', (error: unknown) => {
      if (isRejection(error)) this.#credentials.rejected(this.#used);
    });
  }

  #beforeConnect(): void {
    if (['connecting', 'connect', 'ready'].includes(this.#redis.status)) return; // ioredis refuses it
    this.#follow();
    this.#used = this.#credentials.current;
    this.#sent = null;
  }

  /** From the start: ioredis copies the options even of a Cluster's node that it never connects. */
  #follow(): void {
    this.#unfollow ??= this.#credentials.onChange(() => this.#onChange());
    this.#setOptions();
  }

  #onChange(): void {
    this.#setOptions();
    if (this.#redis.status === 'ready') this.#renew();
  }

  #setOptions(): void {
    Object.assign(this.#redis.options, this.#credentials.current);
  }

  #renew(): void {
    const next = this.#credentials.current;
    if (next === this.#used || next === this.#sent) return;
    clearTimeout(this.#retry);
    this.#sent = next;
    authenticate(this.#redis, next).then(
      () => this.#onAccepted(next),
      (error: unknown) => this.#onRejected(next, error),
    );
  }

  /** It may be an older one: after a reconnect, ioredis sends again the `AUTH` that was cut off. */
  #onAccepted(credential: Credential): void {
    if (this.#sent === credential) this.#sent = null;
    this.#used = credential;
    this.#renew();
  }

  /** The connection keeps the old credential, for as long as Redis lets it. */
  #onRejected(credential: Credential, error: unknown): void {
    if (this.#sent !== credential) return;
    this.#sent = null;
    if (this.#redis.status !== 'ready') return; // the next connect uses it
    const reason = causeOf(error)?.what ?? 'no answer to AUTH';
    this.#log.warn({ reason }, 'a connection to Redis keeps its old credential');
    this.#credentials.rejected(credential);
    this.#retry = setTimeout(() => this.#renew(), RETRY_MS).unref();
  }
}

export async function authenticate(redis: Redis, credential: Credential): Promise<void> {
  const { username, password = '' } = credential;
  if (username === undefined) await redis.auth(password);
  else await redis.auth(username, password);
}

function isRejection(error: unknown): boolean {
  return causeOf(error)?.code === 'WRONGPASS';
}
