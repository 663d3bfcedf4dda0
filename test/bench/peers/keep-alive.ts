import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { durationsFor } from '../../../src/calls/durations.ts';
import { type Answer, exchange } from '../../../src/graph/exchange.ts';

/** The daemon's default. */
const CONNECTIONS = 64;
const { graph: TIMEOUTS } = durationsFor(15 * 60_000, 45 * 60_000);
const LIMITS = {
  headersMs: TIMEOUTS.headersMs,
  bodyMs: TIMEOUTS.bodyMs,
  totalMs: TIMEOUTS.totalMs,
};
/** As long as a token of the simulated Entra. */
export const TOKEN = `simulated.${randomUUID()}`;

/** Sends one keepAlive; rejects if Graph does not renew the call. */
export type KeepAlive = (id: string) => Promise<void>;

/**
 * Posts keepAlives as the daemon does: with the same undici pool and request, reading the answer
 * with the same time limits, and nothing else.
 */
export function keepAliveTo(graphUrl: string): KeepAlive {
  const { origin, pathname } = new URL(`${graphUrl}/communications/calls/`);
  const pool = new Pool(origin, {
    connections: CONNECTIONS,
    connectTimeout: TIMEOUTS.connectMs,
    allowH2: false,
  });
  return async (id) => {
    const headers = {
      authorization: `Bearer ${TOKEN}`,
      'client-request-id': randomUUID(),
      'content-length': '0',
      'user-agent': 'callkeeper/0.0.0',
    };
    const path = `${pathname}${id}/keepAlive`;
    const request = { method: 'POST' as const, origin, path, headers, body: null };
    const { status }: Answer = await exchange(pool, request, LIMITS);
    if (status !== 200) throw new Error(`Graph answered ${status}`);
  };
}
