import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallOptions } from './calls.ts';
import type { Clients } from './clients.ts';
import type { EntraFault, Faults, GraphFault } from './faults.ts';
import type { Ledger } from './ledger.ts';
import { readBody, sendJson } from './reply.ts';

/** Under this, on Graph's port, the simulator is told what to do. */
export const CONTROL = '/_simulator/';

/** What can be asked of the simulator from outside of its process; `Simulator` tells more. */
export interface Controlled {
  readonly ledger: Ledger;
  readonly clients: Clients;
  readonly graphFaults: Faults<GraphFault>;
  readonly entraFaults: Faults<EntraFault>;
  createCall(options: CallOptions): string;
  endCall(id: string): void;
  summary(): unknown;
  revokeTokens(claims: object | null): void;
  graphDown(): Promise<void>;
  graphUp(): Promise<void>;
  entraDown(): Promise<void>;
  entraUp(): Promise<void>;
}

type Action = (simulator: Controlled, body: never, id: string) => unknown;

/**
 * | request | does |
 * |---|---|
 * | `POST calls` `{ id?, endsAfterMs? }` | creates a call: `{ id }` |
 * | `DELETE calls/{id}` | ends it |
 * | `GET calls` | a summary of each call, with its worst gap |
 * | `GET ledger` | every keepAlive and token request |
 * | `POST faults/graph`, `faults/entra` | sets a fault (see faults.ts) |
 * | `DELETE faults/graph`, `faults/entra` | clears them |
 * | `POST graph/down`, `entra/down` `{ forMs }` | closes the listener for so long |
 * | `POST entra/up` | opens it again |
 * | `POST tokens/revoke` `{ claims? }` | revokes every token, with a claims challenge if given |
 * | `PUT secrets` `{ secrets }` | accepts these client secrets and no others |
 */
const ACTIONS: Record<string, Action> = {
  'POST calls': (simulator, body: object) => ({ id: simulator.createCall(body) }),
  'DELETE calls/{id}': (simulator, _, id) => simulator.endCall(id),
  'GET calls': (simulator) => simulator.summary(),
  'GET ledger': ({ ledger }) => ({ keepAlives: ledger.keepAlives, tokens: ledger.tokens }),
  'POST faults/graph': (simulator, body) => simulator.graphFaults.set(body),
  'DELETE faults/graph': (simulator) => simulator.graphFaults.clear(),
  'POST faults/entra': (simulator, body) => simulator.entraFaults.set(body),
  'DELETE faults/entra': (simulator) => simulator.entraFaults.clear(),
  'POST graph/down': (simulator, body: { forMs: number }) =>
    goDown(
      body.forMs,
      () => simulator.graphDown(),
      () => simulator.graphUp(),
    ),
  'POST entra/down': (simulator, body: { forMs: number }) =>
    goDown(
      body.forMs,
      () => simulator.entraDown(),
      () => simulator.entraUp(),
    ),
  'POST entra/up': (simulator) => simulator.entraUp(),
  'POST tokens/revoke': (simulator, body: { claims?: object }) =>
    simulator.revokeTokens(body.claims ?? null),
  'PUT secrets': (simulator, body: { secrets: string[] }) =>
    simulator.clients.acceptSecrets(body.secrets),
};

export async function serveControl(
  simulator: Controlled,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '').slice(CONTROL.length);
  const id = /^calls\/([^/]+)$/.exec(path)?.[1] ?? '';
  const action = ACTIONS[`${request.method} ${id === '' ? path : 'calls/{id}'}`];
  if (action === undefined) return sendJson(response, 404, { error: `no such action: ${path}` });
  try {
    const text = await readBody(request);
    const result = await action(simulator, JSON.parse(text || '{}') as never, id);
    sendJson(response, 200, result ?? {});
  } catch (error) {
    sendJson(response, 400, { error: String(error) });
  }
}

/** Closes a listener after this answer has gone out, since it may be the one that sends it. */
function goDown(forMs: number, down: () => Promise<void>, up: () => Promise<void>): void {
  if (!(forMs > 0)) throw new TypeError('forMs: expected a number of milliseconds over 0');
  setTimeout(down, 20).unref();
  setTimeout(up, 20 + forMs).unref();
}
