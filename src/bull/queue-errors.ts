import type { Logger } from 'pino';

/** An error of one kind is logged at most once in this time. */
const AGAIN_MS = 60_000;
/** The first word of a reply with an error, also inside another message: `WRONGTYPE`. */
const REPLY = /(?:^|: )-?([A-Z]{3,}) /;

/**
 * Logs the errors of a queue, which come again and again. One that says only that Redis does not
 * answer is for debugging, because the link to Redis logs its cause.
 */
export class QueueErrors {
  readonly #log: Logger;
  /** When an error of this kind was logged last; monotonic. */
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
  return error instanceof TypeError || error instanceof SyntaxError ? error.name : null;
}
