import { isVague, type RedisCause } from './cause.ts';

export interface Credential {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Credentials that change while connections are open. */
export interface RedisCredentials {
  /** The latest credential; without a password if there was none yet. */
  readonly current: Credential;
  /** Why there is no valid one; null while there is. */
  readonly fault: RedisCause | null;
  /** What to do, in sentences, if Redis rejects a valid one; null: what the cause says. */
  fixFor(code: string): string | null;
  /** Resolves when the first credential is there or has failed: until then, do not connect. */
  readonly ready: Promise<unknown>;
  /** Redis rejected this one, which may be older than `current`. */
  rejected(credential: Credential): void;
  onChange(listener: () => void): () => void;
}

const IDENTITY_CODES: ReadonlySet<string> = new Set(['WRONGPASS', 'NOAUTH', 'NOPERM']);

/** Says that a token is missing, or what to do about a rejected one, if that may be why. */
export function withCredentials(
  cause: RedisCause | null,
  credentials: RedisCredentials | null | undefined,
): RedisCause | null {
  if (!credentials) return cause;
  const isTheirs = cause !== null && IDENTITY_CODES.has(cause.code);
  if (cause !== null && !isTheirs && !isVague(cause)) return cause;
  if (credentials.fault) return credentials.fault;
  if (cause === null || !isTheirs) return cause;
  return { ...cause, fix: credentials.fixFor(cause.code) ?? cause.fix };
}

/** Credentials that their owner replaces from time to time, such as those in a file. */
export class RotatingCredentials implements RedisCredentials {
  protected readonly fix: string;
  #current: Credential;
  readonly #listeners = new Set<() => void>();

  constructor(first: Credential, fix: string) {
    this.#current = first;
    this.fix = fix;
  }

  get current(): Credential {
    return this.#current;
  }

  get fault(): RedisCause | null {
    return null;
  }

  get ready(): Promise<unknown> {
    return Promise.resolve();
  }

  /** Another password gives the same user no more permissions. */
  fixFor(code: string): string | null {
    return code === 'NOPERM' ? null : this.fix;
  }

  /** Does nothing: only the owner replaces them. */
  rejected(_: Credential): void {}

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Uses a new credential: open connections authenticate again and stay open. */
  use(next: Credential): void {
    const { username, password } = this.#current;
    if (next.username === username && next.password === password) return;
    this.#current = next;
    for (const listener of [...this.#listeners]) listener();
  }
}
