import type { App } from './app.ts';
import type { Request } from './exchange.ts';

export interface KeepAliveParts {
  readonly callId: string;
  readonly token: string | null;
  /** A GUID, fresh for each request. */
  readonly clientRequestId: string;
  readonly userAgent: string;
}

/** Where an app's keepAlives go. Parsed once, because parsing a URL costs more than the rest. */
export interface KeepAliveEndpoint {
  /** `scheme://host[:port]` */
  readonly origin: string;
  /** Up to the call's id. */
  readonly pathname: string;
}

export function keepAliveEndpoint({ graphBaseUrl }: App): KeepAliveEndpoint {
  const { origin, pathname } = new URL(`${graphBaseUrl}/communications/calls/`);
  return { origin, pathname };
}

/** Source: https://learn.microsoft.com/graph/api/call-keepalive */
export function keepAliveRequest(
  { origin, pathname }: KeepAliveEndpoint,
  parts: KeepAliveParts,
): Request {
  const headers = {
    ...(parts.token === null ? {} : { authorization: `Bearer ${parts.token}` }),
    'client-request-id': parts.clientRequestId,
    'content-length': '0',
    'user-agent': parts.userAgent,
  };
  // An id fits the grammar by now. Encoded, it stays one path segment in any case.
  const path = `${pathname}${encodeURIComponent(parts.callId)}/keepAlive`;
  return { method: 'POST', origin, path, headers, body: null };
}
