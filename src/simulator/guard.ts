import type { IncomingMessage, RequestListener } from 'node:http';
import { isIP } from 'node:net';
import { sendJson } from './reply.ts';

/**
 * Answers 403 to what a web page may have made a browser ask, and everything else by `serve`.
 *
 * @param host that is listened on, as it was given
 */
export function guarded(host: string, serve: RequestListener): RequestListener {
  return (request, response) => {
    const refusal = refusalOf(request, host);
    if (refusal === null) serve(request, response);
    else sendJson(response, 403, { error: refusal });
  };
}

/**
 * Why a request is not answered, or null. The simulator asks for no key, so the browser of whoever
 * runs it must not be used against it: by a page of another site that posts to it, or by a name
 * that the page's owner has pointed at this machine (DNS rebinding), which an address cannot be.
 */
function refusalOf(request: IncomingMessage, host: string): string | null {
  const { method, headers } = request;
  const isRead = method === 'GET' || method === 'HEAD';
  if (!isRead && isCrossSite(headers)) return 'a page of another site has this browser ask';
  if (isKnown(headers.host ?? '', host)) return null;
  return `ask by localhost, by an address, or by ${host}; not by another name`;
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
