import { setTimeout as sleep } from 'node:timers/promises';
import type { Calls, SimulatedCall } from './calls.ts';
import type { Ledger } from './ledger.ts';

const ANSWER_MS = 10_000;
/** The longest time that a timer of Node can run, in ms. */
const LONGEST_MS = 60 * 60_000;

/** Why a call is over. The numbers are Graph's for a call without a keepAlive. */
const RESULTS = {
  ended: { code: 200, subcode: 0, message: 'Call ended.' },
  timedOut: { code: 408, subcode: 8537, message: 'Request timed out.' },
};

interface Listener {
  readonly callbackUri: string;
  readonly tenantId: string | null;
  /** The notifications of one call go out in order. */
  told: Promise<void>;
}

/**
 * Posts notifications about calls to the callback of the bot, as Graph does: each one once,
 * whatever the bot answers. (Graph also signs its requests.)
 */
export class Notifier {
  readonly #ledger: Ledger;
  readonly #now: () => number;
  readonly #listeners = new Map<string, Listener>();
  readonly #stopped = new AbortController();

  constructor(ledger: Ledger, now: () => number) {
    this.#ledger = ledger;
    this.#now = now;
  }

  /** Posts the notifications of a call that was just established. */
  listen(calls: Calls, call: SimulatedCall, callbackUri: string, tenantId: string | null): void {
    this.#listeners.set(call.id, { callbackUri, tenantId, told: Promise.resolve() });
    this.#tell(call, 'updated', { state: 'established' });
    void this.#watch(calls, call);
  }

  ended(call: SimulatedCall): void {
    const resultInfo = RESULTS[call.state === 'timedOut' ? 'timedOut' : 'ended'];
    this.#tell(call, 'deleted', { state: 'terminated', resultInfo });
    this.#listeners.delete(call.id);
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** The end of a call is found only if somebody looks. */
  async #watch(calls: Calls, call: SimulatedCall): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted && calls.find(call.id)?.state === 'established') {
      const leftMs = calls.endsAt(call) - this.#now();
      const waitMs = Math.min(Math.max(leftMs, 1), LONGEST_MS);
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
    this.#listeners.delete(call.id); // if it was forgotten, not ended
  }

  #tell(call: SimulatedCall, changeType: string, data: object): void {
    const listener = this.#listeners.get(call.id);
    if (listener === undefined) return;
    const notification = {
      '@odata.type': '#microsoft.graph.commsNotification',
      changeType,
      resourceUrl: `/communications/calls/${call.id}`,
      resourceData: {
        '@odata.type': '#microsoft.graph.call',
        id: call.id,
        ...(listener.tenantId === null ? {} : { tenantId: listener.tenantId }),
        ...data,
      },
    };
    const body = JSON.stringify({
      '@odata.type': '#microsoft.graph.commsNotifications',
      value: [notification],
    });
    const { callbackUri } = listener;
    listener.told = listener.told.then(async () => {
      const at = this.#now();
      const answer = await this.#post(callbackUri, body);
      this.#ledger.notification({ at, callId: call.id, changeType, callbackUri, answer });
    });
  }

  async #post(callbackUri: string, body: string): Promise<number | string> {
    try {
      const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(ANSWER_MS)]);
      const headers = { 'content-type': 'application/json' };
      const redirect = 'manual' as const;
      const answer = await fetch(callbackUri, { method: 'POST', headers, body, redirect, signal });
      await answer.body?.cancel();
      return answer.status;
    } catch (error) {
      const { message, cause } = error as Error;
      return cause instanceof Error ? cause.message : message;
    }
  }
}
