import { isIP } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { Agent, request } from 'undici';
import { retryAfterOf } from '../headers/retry-after.ts';
import { isPublic, lookupPublic, PrivateAddressError } from './addresses.ts';

export interface SenderOptions {
  /** Whether addresses outside the public internet are allowed. */
  readonly allowPrivate: boolean;
  readonly userAgent: string;
  /** From the connection to the headers of the answer. */
  readonly timeoutMs: number;
}

export interface Message {
  /** The same at each attempt. */
  readonly id: string;
  readonly url: string;
  readonly body: string;
  /** `whsec_` and base64, or base64 alone. All of them sign, so that a receiver needs only one. */
  readonly secrets: readonly string[];
}

/** `reason` is for the log. `retryAfterMs`: how long the receiver asks to wait; null: it does not. */
export type DeliveryResult =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs: number | null };

/** How much of an answer's body is read, only to reuse the connection. */
const MOST_BODY_BYTES = 4_096;
const BODY_MS = 1_000;

/** Posts messages to the specification https://www.standardwebhooks.com. Follows no redirect. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #agent: Agent;
  readonly #stopped = new AbortController();

  constructor(options: SenderOptions) {
    const { allowPrivate, timeoutMs } = options;
    this.#options = options;
    this.#agent = new Agent({
      allowH2: false,
      connect: { timeout: timeoutMs, ...(allowPrivate ? {} : { lookup: lookupPublic }) },
      headersTimeout: timeoutMs,
      maxHeaderSize: 16 * 1024,
    });
  }

  async send({ id, url, body, secrets }: Message): Promise<DeliveryResult> {
    const { userAgent, timeoutMs, allowPrivate } = this.#options;
    try {
      const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
      // An address needs no lookup, so `lookupPublic` would not run.
      if (!allowPrivate && isIP(host) > 0 && !isPublic(host)) throw new PrivateAddressError(host);
      const answer = await request(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': userAgent,
          ...signed(id, body, secrets),
        },
        body,
        dispatcher: this.#agent,
        signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(timeoutMs)]),
      });
      // Only the status matters, not the body.
      const signal = AbortSignal.timeout(BODY_MS);
      await answer.body.dump({ limit: MOST_BODY_BYTES, signal }).catch(() => undefined);
      const { statusCode } = answer;
      if (statusCode >= 200 && statusCode < 300) return { kind: 'delivered' };
      if (statusCode === 410) return { kind: 'gone' };
      const retryAfterMs = retryAfterOf(answer, Date.now());
      return { kind: 'failed', reason: `status ${statusCode}`, retryAfterMs };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const reason = code ? `${code}: ${message}` : message;
      return { kind: 'failed', reason, retryAfterMs: null };
    }
  }

  /** Deliveries in flight fail at once. */
  async destroy(): Promise<void> {
    this.#stopped.abort();
    await this.#agent.destroy();
  }
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
function signed(id: string, body: string, secrets: readonly string[]): Record<string, string> {
  const at = new Date();
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(' '),
  };
}
