import type { App } from './app.ts';
import type { Request } from './exchange.ts';

/** Of one keepAlive. */
export interface KeepAliveParts {
  readonly callId: string;
  /** null: none is sent. */
  readonly token: string | null;
  /** A GUID, fresh for each request. */
  readonly clientRequestId: string;
  readonly userAgent: string;
}

/** Source: https://learn.microsoft.com/graph/api/call-keepalive */
export function keepAliveRequest(app: App, parts: KeepAliveParts): Request {
  const { origin, pathname } = new URL(`${app.graphBaseUrl}/communications/calls/`);
  const headers = {
    ...(parts.token === null ? {} : { authorization: `Bearer ${parts.token}` }),
    'client-request-id': parts.clientRequestId,
    'content-length': '0',
    'user-agent': parts.userAgent,
  };
  // An id that reaches this place fits the grammar; encoded all the same, it stays one segment.
  const path = `${pathname}${encodeURIComponent(parts.callId)}/keepAlive`;
  return { method: 'POST', origin, path, headers, body: null };
}
