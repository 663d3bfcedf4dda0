import { type Cause, isVague } from './cause.ts';

/** What a connection to Redis authenticates with. */
export interface Credential {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Credentials of Redis that change while connections live. */
export interface RedisCredentials {
  /** The latest one; without a password if there has never been one. */
  readonly current: Credential;
  /** Why there is no valid one; null while there is. */
  readonly fault: Cause | null;
  /** What to do if Redis rejects a valid one, in sentences. */
  readonly fix: string;
  /** Resolves with the first credential, or when it could not be had: until then a connect would be rejected. */
  readonly ready: Promise<unknown>;
  /** Redis rejected this one, which may be older than `current`. */
  rejected(credential: Credential): void;
  /** @returns a function that ends it */
  onChange(listener: () => void): () => void;
}

/** Redis's answers about who asks. */
const IDENTITY_CODES: ReadonlySet<string> = new Set(['WRONGPASS', 'NOAUTH', 'NOPERM']);

/** Names a missing token, or the fix for a rejected one, if that may be behind the cause. */
export function withCredentials(
  cause: Cause | null,
  credentials: RedisCredentials | null | undefined,
): Cause | null {
  if (!credentials) return cause;
  const isTheirs = cause !== null && IDENTITY_CODES.has(cause.code);
  if (cause !== null && !isTheirs && !isVague(cause)) return cause;
  if (credentials.fault) return credentials.fault;
  return cause && isTheirs ? { ...cause, fix: credentials.fix } : cause;
}

/** Credentials that somebody replaces from time to time, such as those in a file. */
export class RotatingCredentials implements RedisCredentials {
  readonly fix: string;
  #current: Credential;
  readonly #listeners = new Set<() => void>();

  constructor(first: Credential, fix: string) {
    this.#current = first;
    this.fix = fix;
  }

  get current(): Credential {
    return this.#current;
  }

  get fault(): Cause | null {
    return null;
  }

  get ready(): Promise<unknown> {
    return Promise.resolve();
  }

  /** Only their owner replaces them. */
  rejected(_: Credential): void {}

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** From now on this one counts: connections authenticate again with it, and stay. */
  use(next: Credential): void {
    const { username, password } = this.#current;
    if (next.username === username && next.password === password) return;
    this.#current = next;
    for (const listener of [...this.#listeners]) listener();
  }
}
