import type { Random } from '../calls/ports.ts';

export interface DeliveryRetry {
  readonly firstMs: number;
  readonly capMs: number;
  /** A delivery is given up this long after its event. */
  readonly forMs: number;
}

/** BullMQ stores the message with the job, and a receiver's certificate can make it very long. */
const MOST_MESSAGE = 500;

/** Why an event was not delivered. */
export class NotDelivered extends Error {
  /** How long the receiver asks to wait; null: it does not. */
  readonly retryAfterMs: number | null;

  constructor(reason: string, retryAfterMs: number | null) {
    super(reason.slice(0, MOST_MESSAGE));
    this.retryAfterMs = retryAfterMs;
  }
}

/** Doubles up to the cap, with jitter; longer, up to the cap, if the receiver asks for it. */
export function backOffMs(
  attempts: number,
  failure: Error | undefined,
  { firstMs, capMs }: DeliveryRetry,
  random: Random,
): number {
  const fullMs = Math.min(capMs, firstMs * 2 ** Math.min(attempts - 1, 30));
  const askedMs = failure instanceof NotDelivered ? (failure.retryAfterMs ?? 0) : 0;
  return Math.ceil(Math.max(fullMs * (0.5 + random() / 2), Math.min(askedMs, capMs)));
}
