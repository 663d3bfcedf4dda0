import type { IncomingMessage, RequestListener } from 'node:http';
import { isIP } from 'node:net';
import { sendJson } from './reply.ts';

/**
 * Answers 403 to requests that a web page may have made a browser send; `serve` gets all others.
 *
 * @param host the host to listen on, as it was given
 */
export function guarded(host: string, serve: RequestListener): RequestListener {
  return (request, response) => {
    const refusal = refusalOf(request, host);
    if (refusal === null) serve(request, response);
    else sendJson(response, 403, { error: refusal });
  };
}

/**
 * Why a request is refused; null if it is not. The simulator needs no key, so a web page must not
 * reach it through its user's browser. A page of another site could post to it. Or its owner could
 * point a host name at this machine (DNS rebinding); an address cannot be pointed elsewhere.
 */
function refusalOf(request: IncomingMessage, host: string): string | null {
  const { method, headers } = request;
  const isRead = method === 'GET' || method === 'HEAD';
  if (!isRead && isCrossSite(headers))
    return 'the simulator refuses requests that a browser sends for a page of another site';
  if (isKnown(headers.host ?? '', host)) return null;
  return `the Host header must be localhost, an address or ${host}`;
}

function isCrossSite({ origin, host, 'sec-fetch-site': site }: IncomingMessage['headers']) {
  if (site === 'cross-site' || site === 'same-site') return true;
  if (origin === undefined) return false;
  return URL.parse(origin)?.host !== host; // `null`, as of a file or a sandbox, has no host
}

function isKnown(hostHeader: string, host: string): boolean {
  const url = URL.parse(`http://${hostHeader}`);
  if (url === null || url.host === '') return false;
  const name = url.hostname.replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === host.toLowerCase() || isIP(name) !== 0;
}
