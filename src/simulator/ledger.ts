import type { CallState } from './calls.ts';

/** One keepAlive request, as the simulated Graph saw it. `at` is epoch ms, of its arrival. */
export interface KeepAliveRecord {
  readonly at: number;
  readonly callId: string;
  /** The client id of the token; null if the token was invalid. */
  readonly app: string | null;
  /** The status that was answered; or `hung` (never answered) or `cut` (a broken answer). */
  readonly answer: number | 'hung' | 'cut';
  /** The state of the call when the request arrived. */
  readonly call: CallState | 'unknown';
  /** The kind of the fault that was applied; null for none. */
  readonly fault: string | null;
}

/** One token request, as the simulated Entra saw it. */
export interface TokenRecord {
  readonly at: number;
  readonly tenantId: string;
  readonly clientId: string | null;
  readonly answer: number | 'hung';
}

/** One notification that the simulated Graph sent to a bot. */
export interface NotificationRecord {
  readonly at: number;
  readonly callId: string;
  readonly changeType: string;
  readonly callbackUri: string;
  /** The status that the bot answered, or why there was no answer. */
  readonly answer: number | string;
}

/** Every request that arrived, in order. The tests check it. */
export class Ledger {
  readonly keepAlives: KeepAliveRecord[] = [];
  readonly tokens: TokenRecord[] = [];
  readonly notifications: NotificationRecord[] = [];
  readonly #byCall = new Map<string, KeepAliveRecord[]>();

  keepAlive(record: KeepAliveRecord): void {
    this.keepAlives.push(record);
    const known = this.#byCall.get(record.callId);
    if (known === undefined) this.#byCall.set(record.callId, [record]);
    else known.push(record);
  }

  token(record: TokenRecord): void {
    this.tokens.push(record);
  }

  notification(record: NotificationRecord): void {
    this.notifications.push(record);
  }

  clear(): void {
    this.keepAlives.length = 0;
    this.tokens.length = 0;
    this.notifications.length = 0;
    this.#byCall.clear();
  }

  of(callId: string): readonly KeepAliveRecord[] {
    return this.#byCall.get(callId) ?? [];
  }
}
