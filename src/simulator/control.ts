import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallOptions } from './calls.ts';
import type { Clients } from './clients.ts';
import type { EntraFault, Faults, GraphFault } from './faults.ts';
import type { Ledger } from './ledger.ts';
import { read, readCallOptions, readEntraFault, readGraphFault } from './readings.ts';
import { readBody, sendJson } from './reply.ts';

export const CONTROL = '/_simulator/';

/** What the control API uses of the simulator. */
export interface Controlled {
  readonly ledger: Ledger;
  readonly clients: Clients;
  readonly graphFaults: Faults<GraphFault>;
  readonly entraFaults: Faults<EntraFault>;
  createCall(options: CallOptions): string;
  endCall(id: string): void;
  summary(): readonly { readonly id: string }[];
  reset(): void;
  revokeTokens(claims: object | null): void;
  grantRoles(roles: readonly string[]): void;
  graphDown(): Promise<void>;
  graphUp(): Promise<void>;
  entraDown(): Promise<void>;
  entraUp(): Promise<void>;
}

type Action = (simulator: Controlled, body: unknown, id: string) => unknown;

/**
 * | request | does |
 * |---|---|
 * | `POST calls` `{ id?, endsAfterMs?, callbackUri?, tenantId? }` | creates a call: `{ id }` |
 * | `DELETE calls/{id}` | ends it |
 * | `GET calls`, `GET calls/{id}` | a summary of each call, with its longest gap |
 * | `GET ledger` | every keepAlive, token request and notification |
 * | `POST reset` | forgets calls, ledger and faults |
 * | `POST faults/graph`, `faults/entra` | sets a fault (see faults.ts) |
 * | `DELETE faults/graph`, `faults/entra` | clears them |
 * | `POST graph/down`, `entra/down` `{ forMs }` | closes the listener for this long |
 * | `POST graph/up`, `entra/up` | opens it again |
 * | `POST tokens/revoke` `{ claims? }` | revokes every token, with a claims challenge if given |
 * | `PUT secrets` `{ secrets }` | accepts these client secrets and no others |
 * | `PUT roles` `{ roles }` | tokens for Graph have these app roles from now on |
 */
const ACTIONS: Record<string, Action> = {
  'POST calls': (simulator, body) => ({ id: simulator.createCall(readCallOptions(body)) }),
  'DELETE calls/{id}': (simulator, _, id) => simulator.endCall(id),
  'GET calls': (simulator) => simulator.summary(),
  'GET calls/{id}': (simulator, _, id) => {
    const call = simulator.summary().find((one) => one.id.toLowerCase() === id.toLowerCase());
    if (call === undefined) throw new Error(`there is no call ${id}`);
    return call;
  },
  'GET ledger': ({ ledger: { keepAlives, tokens, notifications } }) => {
    return { keepAlives, tokens, notifications };
  },
  'POST reset': (simulator) => simulator.reset(),
  'POST faults/graph': (simulator, body) => simulator.graphFaults.set(readGraphFault(body)),
  'DELETE faults/graph': (simulator) => simulator.graphFaults.clear(),
  'POST faults/entra': (simulator, body) => simulator.entraFaults.set(readEntraFault(body)),
  'DELETE faults/entra': (simulator) => simulator.entraFaults.clear(),
  'POST graph/down': (simulator, body) =>
    goDown(
      body,
      () => simulator.graphDown(),
      () => simulator.graphUp(),
    ),
  'POST graph/up': (simulator) => simulator.graphUp(),
  'POST entra/down': (simulator, body) =>
    goDown(
      body,
      () => simulator.entraDown(),
      () => simulator.entraUp(),
    ),
  'POST entra/up': (simulator) => simulator.entraUp(),
  'POST tokens/revoke': (simulator, body) => {
    const { claims = null } = read(body, [], ['claims']);
    simulator.revokeTokens(claims as object | null);
  },
  'PUT secrets': (simulator, body) => {
    const { secrets } = read(body, ['secrets']);
    simulator.clients.acceptSecrets(secrets as string[]);
  },
  'PUT roles': (simulator, body) => {
    const { roles } = read(body, ['roles']);
    simulator.grantRoles(roles as string[]);
  },
};

export async function serveControl(
  simulator: Controlled,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '').slice(CONTROL.length);
  const id = /^calls\/([^/]+)$/.exec(path)?.[1] ?? '';
  const action = ACTIONS[`${request.method} ${id === '' ? path : 'calls/{id}'}`];
  if (action === undefined) {
    const error = `no such action: ${request.method} ${path}`;
    return sendJson(response, 404, { error, actions: Object.keys(ACTIONS) });
  }
  try {
    const text = await readBody(request);
    const result = await action(simulator, JSON.parse(text || '{}'), id);
    sendJson(response, 200, result ?? {});
  } catch (error) {
    sendJson(response, 400, { error: String(error) });
  }
}

/** Closes a listener after the answer, which that listener may have to send. */
function goDown(body: unknown, down: () => Promise<void>, up: () => Promise<void>): void {
  const { forMs } = read(body, ['forMs']) as { forMs: number };
  setTimeout(down, 20).unref();
  setTimeout(up, 20 + forMs).unref();
}
