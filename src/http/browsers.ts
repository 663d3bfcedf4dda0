import type { FastifyRequest } from 'fastify';

/** A `Host` header, with or without a port. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Why a request without a key is refused although none is required; null: it is allowed.
 *
 * Any web page can make the browser of a user on this machine send changes
 * (https://www.rfc-editor.org/rfc/rfc6454#section-3.4). If the owner of the page has pointed a host
 * name at this machine, the page can also read answers (DNS rebinding). A bot sends no
 * `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/), and uses a name of loopback.
 *
 * @param loopbackOnly whether only this machine may send requests
 */
export function faultOfBrowser(
  { method, headers, host }: Pick<FastifyRequest, 'method' | 'headers' | 'host'>,
  loopbackOnly: boolean,
): string | null {
  const site = headers['sec-fetch-site'];
  const isRead = method === 'GET' || method === 'HEAD';
  if (!isRead && (site === 'cross-site' || site === 'same-site')) {
    return 'without keys, this server refuses requests that a browser sends for a page of another site';
  }
  if (loopbackOnly && !LOOPBACK.test(host)) {
    return 'without keys, the Host header must be a loopback name such as localhost; AUTH=none allows any';
  }
  return null;
}
