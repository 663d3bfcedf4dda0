import type { AddressInfo, Server } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { pino } from 'pino';
import type { Call, CallError } from '../../src/calls/call.ts';
import type { GraphTimeouts } from '../../src/calls/durations.ts';
import type { App } from '../../src/graph/app.ts';
import { Graph, type GraphOptions, type RequestOutcome } from '../../src/graph/graph.ts';
import { DEFAULT_SECRET } from '../../src/simulator/simulator.ts';

export const TENANT = '11111111-1111-4111-8111-111111111111';
export const CLIENT = '22222222-2222-4222-8222-222222222222';

/** Trusts a CA in this process, like NODE_EXTRA_CA_CERTS. */
export function trust(ca: string): void {
  setDefaultCACertificates([...getCACertificates('default'), ca]);
}

export function makeCall(id: string, more: Partial<Call> = {}): Call {
  return {
    id,
    app: 'default',
    tenantId: TENANT,
    tenantIsDefault: true,
    labels: {},
    webhookUrl: null,
    owner: null,
    generation: 'r1',
    trackedAt: 0,
    startedAt: null,
    trackUntil: null,
    renewedAt: null,
    failedAt: null,
    retryAt: null,
    consecutiveFailures: 0,
    atRiskAt: null,
    lastError: null,
    ...more,
  };
}

export function makeError(more: Partial<CallError>): CallError {
  return {
    at: 0,
    status: null,
    code: null,
    message: '',
    requestId: null,
    clientRequestId: null,
    diagnostic: null,
    date: null,
    ...more,
  };
}

export function makeApp(world: { graphBaseUrl: string; authorityHost: string }): App {
  return {
    name: 'default',
    cloud: 'global',
    tenantId: TENANT,
    clientId: CLIENT,
    credential: { kind: 'secret', secret: { value: DEFAULT_SECRET } },
    graphBaseUrl: world.graphBaseUrl,
    authorityHost: world.authorityHost,
    webhook: null,
  };
}

/** Of one request and one token, for a machine that is busy. */
export const PATIENT: GraphTimeouts = {
  connectMs: 15_000,
  headersMs: 15_000,
  bodyMs: 15_000,
  totalMs: 20_000,
  tokenMs: 20_000,
};
/** For tests in which no answer comes. */
export const HASTY: GraphTimeouts = { ...PATIENT, headersMs: 500, totalMs: 900 };

/** A Graph, and what its observer heard. */
export function makeGraph(app: App | App[], more: Partial<GraphOptions> = {}) {
  const requests: RequestOutcome[] = [];
  const tokens: ('success' | 'failure')[] = [];
  const lines: string[] = [];
  const graph = new Graph({
    apps: [app].flat(),
    connections: 8,
    timeouts: PATIENT,
    proxy: { http: null, https: null, no: null },
    clock: { now: () => Date.now(), sleep: (ms) => sleep(ms) },
    random: () => 0.5,
    log: pino({ level: 'trace' }, { write: (line) => void lines.push(line) }),
    observer: {
      requestDone: (outcome) => void requests.push(outcome),
      tokenRequested: (outcome) => void tokens.push(outcome),
    },
    userAgent: 'callkeeper/test',
    reserveMs: 0,
    ...more,
  });
  return { graph, requests, tokens, lines };
}

export interface Listener extends AsyncDisposable {
  readonly port: number;
  connections(): number;
}

/** A TCP server on a free port that calls `serve` with each connection. */
export async function listen(
  serve: (socket: Socket) => void,
  server: Server = createServer(),
): Promise<Listener> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
