import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** What happens to a request: it reaches the replica, gets 503, or its connection is reset. */
export type Fate = 'pass' | 'refuse' | 'cut';

/** A proxy in front of a replica, until the test ends. */
export async function aProxy(
  target: string,
  fateOf: (method: string, path: string) => Fate,
): Promise<string> {
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const fate = fateOf(method, url);
    if (fate === 'refuse') return void response.writeHead(503, { 'retry-after': '0' }).end();
    if (fate === 'cut') return void response.socket?.resetAndDestroy();
    const body = await request.toArray().then(
      (chunks) => chunks.join(''),
      () => null,
    );
    if (body === null) return; // the client has gone away
    const type = headers['content-type'];
    const answer = await fetch(target + url, {
      method,
      headers: {
        authorization: headers.authorization ?? '',
        ...(body && type && { 'content-type': type }),
      },
      ...(body ? { body } : {}),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
