import type { FastifyRequest } from 'fastify';

/** As a `Host` header has it, with the port. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Why a request must not be done though nobody has to show anything, or null.
 *
 * The browser of whoever works on this machine sends what any page tells it to:
 * changes, without being asked (https://www.rfc-editor.org/rfc/rfc6454#section-3.4),
 * and by a name that the page's owner has since pointed at this machine, what is
 * to be read as well (DNS rebinding). A bot sends no `Sec-Fetch-Site`
 * (https://www.w3.org/TR/fetch-metadata/), and asks loopback by a name of loopback.
 *
 * @param loopbackOnly whether nobody but this machine itself is to ask
 */
export function faultOfBrowser(
  { method, headers, host }: Pick<FastifyRequest, 'method' | 'headers' | 'host'>,
  loopbackOnly: boolean,
): string | null {
  const site = headers['sec-fetch-site'];
  const isRead = method === 'GET' || method === 'HEAD';
  if (!isRead && (site === 'cross-site' || site === 'same-site')) {
    return 'a page of another site has this browser ask; without keys that is not done';
  }
  if (loopbackOnly && !LOOPBACK.test(host)) {
    return 'without keys this server is asked by a name of loopback alone, such as localhost; with AUTH=none by any';
  }
  return null;
}
