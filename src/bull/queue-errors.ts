import type { Logger } from 'pino';

/** Each kind of error is logged as a warning at most once in this time. */
const AGAIN_MS = 60_000;
/** The code of an error reply of Redis, also inside another message: `WRONGTYPE`. */
const REPLY = /(?:^|: )-?([A-Z]{3,}) /;

/**
 * Logs the errors of a queue, which repeat. Errors that say only that Redis does not answer are
 * logged at `debug`, because the link to Redis logs their cause.
 */
export class QueueErrors {
  readonly #log: Logger;
  /** When each kind of error was last logged as a warning; monotonic. */
  readonly #loggedAt = new Map<string, number>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param what failed, as the log says it */
  note(err: unknown, what: string): void {
    const error = err instanceof Error ? err : new Error(String(err));
    const kind = kindOf(error);
    const key = `${what}\n${kind}`;
    const now = performance.now();
    if (kind === null || now - (this.#loggedAt.get(key) ?? -Infinity) < AGAIN_MS) {
      this.#log.debug({ err }, what);
      return;
    }
    this.#loggedAt.set(key, now);
    this.#log.warn({ err }, `${what}: ${error.message}`);
  }
}

/** null: Redis did not answer. */
function kindOf(error: Error): string | null {
  const reply = REPLY.exec(error.message)?.[1];
  if (reply) return reply;
  // BullMQ or we could not read what Redis answered.
  if (error instanceof TypeError || error instanceof SyntaxError) return error.name;
  return error.cause instanceof Error ? kindOf(error.cause) : null;
}
