import { isIP } from 'node:net';

export const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}

/**
 * Whether tokens and secrets may go there: in the clear to this machine only,
 * if at all; nothing in the URL that is a secret, or would get lost.
 */
export function isServiceUrl(text: string, mayBeHttp: boolean): boolean {
  const url = URL.parse(text);
  if (!url || url.username || url.password || url.search || url.hash) return false;
  const isPlain = url.protocol === 'http:' && mayBeHttp && isLoopback(url.hostname);
  return url.protocol === 'https:' || isPlain;
}
