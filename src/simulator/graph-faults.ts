import type { ServerResponse } from 'node:http';
import type { GraphFault } from './faults.ts';
import { sendGraphError, sendUsualError } from './graph-error.ts';
import type { KeepAliveRecord } from './ledger.ts';
import { sendJson } from './reply.ts';

type Broken = Exclude<GraphFault, { kind: 'delay' | 'skew' }>;
type Answered = Extract<
  GraphFault,
  { kind: 'status' | 'html404' | 'html200' | 'gateway404' | 'unknown404' }
>;

/** Applies a fault to a request instead of answering it; returns the entry for the ledger. */
export function applyFault(fault: Broken, response: ServerResponse): KeepAliveRecord['answer'] {
  switch (fault.kind) {
    case 'hang':
      return 'hung';
    case 'reset':
      response.socket?.resetAndDestroy();
      return 'cut';
    case 'cutBody':
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
      return 'cut';
    case 'endlessBody':
      response.writeHead(200);
      pour(response);
      return 'cut';
    case 'malformed':
      response.socket?.end('NOT/HTTP at all\r\n\r\n');
      return 'cut';
    default:
      return sendOdd(fault, response);
  }
}

function sendOdd(fault: Answered, response: ServerResponse): number {
  switch (fault.kind) {
    case 'status':
      return sendStatus(fault, response);
    case 'html404':
      return sendPage(response, 404, '<h1>404 Not Found</h1><hr>proxy');
    case 'html200':
      return sendPage(response, 200, '<h1>Sign in to the network</h1><form></form>');
    case 'gateway404':
      strip(response);
      sendJson(response, 404, { error: { code: '8522', message: 'No route matched.' } });
      return 404;
    case 'unknown404':
      sendGraphError(response, 404, 'UnknownError', '404 page not found');
      return 404;
  }
}

/** An error of Graph has its envelope, unless the fault has a body of its own. */
function sendStatus(
  { status, headers = {}, body }: Extract<Answered, { kind: 'status' }>,
  response: ServerResponse,
): number {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (body === undefined && status >= 400) sendUsualError(response, status);
  else response.writeHead(status).end(body);
  return status;
}

function sendPage(response: ServerResponse, status: number, body: string): number {
  strip(response);
  response.writeHead(status, { 'content-type': 'text/html' });
  response.end(`<html><body>${body}</body></html>`);
  return status;
}

/** Removes Graph's headers: a server that answers in Graph's place does not send them. */
function strip(response: ServerResponse): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
}

const CHUNK = 'x'.repeat(16 * 1024);

/** Writes for ever, as fast as the client reads, until it disconnects. */
function pour(response: ServerResponse): void {
  while (!response.destroyed) {
    if (response.write(CHUNK)) continue;
    response.once('drain', () => pour(response));
    return;
  }
}
