import type { FastifyRequest } from 'fastify';

type Asker = Pick<FastifyRequest, 'log' | 'id' | 'client' | 'principal'>;

export interface AuditEntry {
  readonly action: 'track' | 'untrack' | 'keepAlive' | 'notify' | 'own' | 'drop-owner';
  readonly call?: string;
  readonly owner?: string;
  readonly outcome: string;
  readonly [member: string]: unknown;
}

/** Logs a requested change, without the key. */
export function audit({ log, id: reqId, client, principal }: Asker, entry: AuditEntry): void {
  const line = { audit: true, principal: principal.name, ...entry, address: client, reqId };
  log.info(line, 'change requested');
}

export type Denial = 'unauthorized' | 'forbidden' | 'rate-limited' | 'unverifiable';

/** Lines in a window: guesses of keys must not fill the disk. */
const MOST_LINES = 10;
const WINDOW_MS = 10_000;
/** In characters. The id is not validated yet, so it may be any text. */
const MOST_OF_AN_ID = 128;

/** Logs refusals; in a flood only the first of each window, and then how many it left out. */
export class DenialLog {
  readonly #now: () => number;
  #windowAt = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #untold = 0;

  /** @param now ms of any epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param why without any part of the key */
  tell(request: FastifyRequest, denial: Denial, why: string): void {
    if (this.#now() - this.#windowAt >= WINDOW_MS) {
      this.#windowAt = this.#now();
      this.#lines = 0;
    }
    if (this.#lines >= MOST_LINES) {
      this.#untold += 1;
      return;
    }
    this.#lines += 1;
    const { log, id: reqId, client, method, params, routeOptions, principal } = request;
    const { id } = params as { id?: string };
    const call = id === undefined ? {} : { call: id.slice(0, MOST_OF_AN_ID) };
    const asked = { principal: principal.name, method, route: routeOptions.url ?? null, ...call };
    const line = { audit: true, action: 'denied', outcome: denial, why, ...asked };
    log.info({ ...line, address: client, reqId, untoldBefore: this.#untold }, 'request denied');
    this.#untold = 0;
  }
}
