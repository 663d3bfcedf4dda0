import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly at: number;
}

export type Answer = (response: ServerResponse, seen: Seen) => void;

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
export const problem = (
  status: number,
  name: string,
  headers: Record<string, string> = {},
  more = {},
) =>
  json(
    status,
    { type: `urn:callkeeper:problem:${name}`, title: 'Title', status, detail: 'detail', ...more },
    headers,
  );
export const reset: Answer = (response) => void response.socket?.resetAndDestroy();

/** A server that sends these answers in order, and then repeats the last one. */
export async function aServer(...answers: Answer[]) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const body = await request.toArray().then(
      (chunks) => chunks.join(''),
      () => null,
    );
    if (body === null) return; // the client has gone away
    const { method, url, headers } = request;
    const one = { method, url, headers, body, at: performance.now() };
    seen.push(one);
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(response, one);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, seen, server };
}
