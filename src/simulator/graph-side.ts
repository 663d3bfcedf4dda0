import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Calls, SimulatedCall } from './calls.ts';
import type { Faults, GraphFault } from './faults.ts';
import { sendGraphError } from './graph-error.ts';
import { applyFault } from './graph-faults.ts';
import type { KeepAliveRecord, Ledger } from './ledger.ts';
import { asUrl } from './readings.ts';
import { readBody, sendJson } from './reply.ts';
import type { IssuedToken, Tokens } from './tokens.ts';

export interface World {
  readonly calls: Calls;
  readonly tokens: Tokens;
  readonly ledger: Ledger;
  readonly graphFaults: Faults<GraphFault>;
  createCall(options: { callbackUri?: string; tenantId: string }): string;
  now(): number;
}

const VERSION = /^\/(v1\.0|beta)(?=\/|$)/;
const CALLS = '/communications/calls';
const KEEP_ALIVE = new RegExp(`^${CALLS}/([^/]+)/keepAlive$`);
const CALL = new RegExp(`^${CALLS}/([^/]+)$`);

/** The header that Graph's gateway adds to each answer. */
const DIAGNOSTIC = JSON.stringify({
  ServerInfo: {
    DataCenter: 'Simulator',
    Slice: 'E',
    Ring: '5',
    ScaleUnit: '001',
    RoleInstance: 'SIM000001',
  },
});

/** Graph's part of the simulator: answers what is under `/v1.0` and `/beta`. */
export function serveGraph(world: World, request: IncomingMessage, response: ServerResponse): void {
  const clientRequestId = request.headers['client-request-id'];
  response.setHeader('request-id', randomUUID());
  response.setHeader('client-request-id', clientRequestId ?? randomUUID());
  response.setHeader('x-ms-ags-diagnostic', DIAGNOSTIC);
  const version = VERSION.exec(request.url ?? '')?.[0];
  if (version === undefined) {
    sendGraphError(response, 400, 'BadRequest', 'Invalid version: it is v1.0 or beta.');
    return;
  }
  const path = request.url?.slice(version.length) ?? '';
  const keepAliveOf = request.method === 'POST' ? KEEP_ALIVE.exec(path)?.[1] : undefined;
  if (keepAliveOf !== undefined) {
    keepAlive(world, decode(keepAliveOf), request, response);
  } else {
    void serveCalls(world, path, request, response).catch((error: unknown) => {
      sendGraphError(response, 400, 'BadRequest', String(error));
    });
  }
}

function keepAlive(
  world: World,
  callId: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const token = world.tokens.check(request.headers.authorization);
  const call = world.calls.find(callId);
  const id = call?.id ?? callId;
  const at = world.now();
  const stateBefore = call?.state ?? 'unknown';
  const record = (answer: KeepAliveRecord['answer'], fault: string | null = null) => {
    const app = token?.clientId ?? null;
    world.ledger.keepAlive({ at, callId: id, app, answer, call: stateBefore, fault });
  };
  const fault = world.graphFaults.next({ callId: id, tenantId: token?.tenantId ?? null });
  if (fault?.kind === 'skew') {
    response.setHeader('date', new Date(at + fault.aheadMs).toUTCString());
  } else if (fault !== null && fault.kind !== 'delay') {
    record(applyFault(fault, response), fault.kind);
    return;
  }
  const status = renew(world, token, call);
  record(status);
  const answer = () => answerKeepAlive(world, status, response);
  if (fault?.kind === 'delay') setTimeout(answer, fault.delayMs);
  else answer();
}

/** Decides when the keepAlive arrives, as Graph does, however late the answer is. */
function renew(world: World, token: IssuedToken | null, call: SimulatedCall | null): number {
  if (token === null) return 401;
  if (call?.state === 'established') {
    world.calls.renew(call);
    return 200;
  }
  if (call !== null) call.tooLate += 1;
  return 404;
}

function answerKeepAlive(world: World, status: number, response: ServerResponse): void {
  if (status === 200) response.writeHead(200, { 'content-length': 0 }).end();
  else if (status === 401) sendUnauthorized(world, response);
  else sendGraphError(response, 404, '8522', 'Call not found.');
}

/** Creates, shows and ends calls, as far as a simulated bot needs it. */
async function serveCalls(
  world: World,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const token = world.tokens.check(request.headers.authorization);
  if (token === null) {
    sendUnauthorized(world, response);
    return;
  }
  if (request.method === 'POST' && path === CALLS) {
    const wanted = readCall(await readBody(request));
    const created = world.createCall({ ...wanted, tenantId: token.tenantId });
    sendJson(response, 201, describeCall(created, 'established'));
    return;
  }
  const segment = CALL.exec(path)?.[1];
  if (segment === undefined) {
    const message = `Resource not found for the segment '${path.split('/').at(-1)}'.`;
    sendGraphError(response, 404, 'BadRequest', message);
    return;
  }
  const id = decode(segment);
  const call = world.calls.find(id);
  if (call?.state !== 'established') sendGraphError(response, 404, '8522', 'Call not found.');
  else if (request.method === 'GET') sendJson(response, 200, describeCall(call.id, call.state));
  else if (request.method === 'DELETE') hangUp(world, id, response);
  else sendGraphError(response, 405, 'MethodNotAllowed', `${request.method} is not simulated.`);
}

function hangUp(world: World, id: string, response: ServerResponse): void {
  world.calls.end(id);
  response.writeHead(204).end();
}

function describeCall(id: string, state: string): object {
  return { '@odata.type': '#microsoft.graph.call', id, state };
}

/** Only the callback of a new call matters here. */
function readCall(text: string): { callbackUri?: string } {
  const { callbackUri } = JSON.parse(text || '{}') as { callbackUri?: unknown };
  return callbackUri === undefined ? {} : { callbackUri: asUrl('callbackUri', callbackUri) };
}

function sendUnauthorized(world: World, response: ServerResponse): void {
  response.setHeader('www-authenticate', world.tokens.challenge);
  const message = 'Access token has expired or is not yet valid.';
  sendGraphError(response, 401, 'InvalidAuthenticationToken', message);
}

/** Decodes a path segment. A badly encoded one stays as it is, and is not the id of a call. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
