import type { Outcome } from '../calls/outcome.ts';

/** One keepAlive that this replica tried. */
export interface RecentAttempt {
  /** When its outcome was known, epoch ms. */
  readonly at: number;
  readonly outcome: Outcome['kind'];
  /** HTTP status; null if no answer came, or nothing was sent. */
  readonly status: number | null;
  readonly code: string | null;
  /** From its sending to its outcome, in ms; null if nothing was sent. */
  readonly durationMs: number | null;
}

/** Attempts per call, and calls: some 10 MB. */
const MOST_ATTEMPTS = 10;
const MOST_CALLS = 10_000;

/** The last attempts of the calls that this replica has tried last. */
export class RecentAttempts {
  /** The call that was tried last comes last. */
  readonly #calls = new Map<string, readonly RecentAttempt[]>();

  add(id: string, outcome: Outcome, now: number): void {
    const { kind, sentAt } = outcome;
    const error = 'error' in outcome ? outcome.error : null;
    const attempt = {
      at: now,
      outcome: kind,
      status: error?.status ?? null,
      code: error?.code ?? null,
      durationMs: sentAt === null ? null : Math.max(0, now - sentAt),
    };
    const before = this.of(id).slice(0, MOST_ATTEMPTS - 1);
    this.#calls.delete(id);
    this.#calls.set(id, [attempt, ...before]);
    const [oldest] = this.#calls.keys();
    if (this.#calls.size > MOST_CALLS && oldest !== undefined) this.#calls.delete(oldest);
  }

  /** The latest first. */
  of(id: string): readonly RecentAttempt[] {
    return this.#calls.get(id) ?? [];
  }
}
