import type { ServerResponse } from 'node:http';
import type { GraphFault } from './faults.ts';
import type { KeepAliveRecord } from './ledger.ts';

type Broken = Exclude<GraphFault, { kind: 'delay' | 'skew' }>;

/** Does a fault to one request instead of answering it; returns what the ledger says of it. */
export function applyFault(fault: Broken, response: ServerResponse): KeepAliveRecord['answer'] {
  switch (fault.kind) {
    case 'status':
      response.writeHead(fault.status, fault.headers).end(fault.body);
      return fault.status;
    case 'html404':
      response.writeHead(404, { 'content-type': 'text/html' });
      response.end('<html><body><h1>404 Not Found</h1><hr>proxy</body></html>');
      return 404;
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
  }
}

const CHUNK = 'x'.repeat(16 * 1024);

/** Writes for ever, as fast as the other side reads, until it hangs up. */
function pour(response: ServerResponse): void {
  while (!response.destroyed) {
    if (response.write(CHUNK)) continue;
    response.once('drain', () => pour(response));
    return;
  }
}
