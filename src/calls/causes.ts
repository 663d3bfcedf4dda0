import type { Call } from './call.ts';
import { entraCodeIn } from './fixes.ts';
import type { CallError } from './record.ts';
import { slotOf, turnAfter, type Wheel } from './wheel.ts';

/** The failing calls of one app in one tenant that fail with the same status and code. */
export interface Cause {
  readonly app: string;
  readonly tenantId: string;
  /** Of the latest failure. */
  readonly error: CallError;
  /** Since when each of the calls has been failing, epoch ms; unordered. */
  readonly sinces: readonly number[];
  /** The nearest deadline of the calls, epoch ms. */
  readonly firstLossAt: number;
}

/** Groups failing calls by what they fail with. */
export class CauseCounter {
  readonly #causes = new Map<string, { -readonly [K in keyof Cause]: Cause[K] }>();

  add(call: Call, since: number, deadlineAt: number): void {
    const { app, tenantId, lastError: error } = call;
    if (error === null) return;
    this.addCause({ app, tenantId, error, sinces: [since], firstLossAt: deadlineAt });
  }

  addCause(cause: Cause): void {
    const key = [cause.app, cause.tenantId, faultOf(cause.error)].join('\n');
    const known = this.#causes.get(key);
    if (!known) return void this.#causes.set(key, { ...cause, sinces: [...cause.sinces] });
    for (const since of cause.sinces) (known.sinces as number[]).push(since);
    known.firstLossAt = Math.min(known.firstLossAt, cause.firstLossAt);
    if (cause.error.at > known.error.at) known.error = cause.error;
  }

  /** Those with the most calls first. */
  get all(): Cause[] {
    return [...this.#causes.values()].sort((a, b) => b.sinces.length - a.sinces.length);
  }
}

/** The same for failures that are one fault. Entra's code is in the message alone. */
export function faultOf({ status, code, message }: CallError): string {
  return [status ?? '', code ?? '', code === 'token' ? (entraCodeIn(message) ?? '') : ''].join(' ');
}

/**
 * When a failing call first failed: at its slot's turn after the last success, unless it was asked
 * for earlier. Its record has the last attempt only.
 */
export function failingSince(call: Call, wheel: Wheel): number {
  const { id, failedAt, renewedAt, trackedAt, consecutiveFailures } = call;
  const lastAt = failedAt ?? trackedAt;
  if (consecutiveFailures <= 1) return lastAt;
  return Math.min(
    lastAt,
    renewedAt === null ? trackedAt : turnAfter(slotOf(id, wheel), renewedAt, wheel),
  );
}
