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

const MOST_OF_A_CALL = 10;
/** The attempts of all calls together: up to 15 MB. */
const MOST = 100_000;

/**
 * The last attempts of this replica, in a ring: a new one replaces the oldest. A reader walks
 * through the whole ring, which takes a millisecond; to add an attempt costs next to nothing.
 */
export class RecentAttempts {
  readonly #ring: { readonly id: string; readonly attempt: RecentAttempt }[] = [];
  #next = 0;

  add(id: string, outcome: Outcome, now: number): void {
    this.#ring[this.#next] = { id, attempt: toAttempt(outcome, now) };
    this.#next = (this.#next + 1) % MOST;
  }

  /** The latest first, at most {@link MOST_OF_A_CALL}. */
  of(id: string): readonly RecentAttempt[] {
    const found: RecentAttempt[] = [];
    const { length } = this.#ring;
    for (let back = 1; back <= length && found.length < MOST_OF_A_CALL; back++) {
      const one = this.#ring[(this.#next - back + length) % length];
      if (one?.id === id) found.push(one.attempt);
    }
    return found;
  }
}

function toAttempt(outcome: Outcome, now: number): RecentAttempt {
  const { kind, sentAt } = outcome;
  const error = 'error' in outcome ? outcome.error : null;
  return {
    at: now,
    outcome: kind,
    status: error?.status ?? null,
    code: error?.code ?? null,
    durationMs: sentAt === null ? null : Math.max(0, now - sentAt),
  };
}
