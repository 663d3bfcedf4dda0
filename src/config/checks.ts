import { isIP } from 'node:net';

/** Without flags, because a JSON Schema has its source. */
export const GUID = /^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/;

/** The placeholder of .env.example and of many guides: no tenant and no app has it. */
export function isPlaceholder(guid: string): boolean {
  return /^[0-]+$/.test(guid);
}

export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}

/** A check of a URL, and the message for its fault. */
export interface UrlRule {
  readonly isRight: (text: string) => boolean;
  readonly expected: string;
}

/** Https only, because tokens and secrets go there. */
export const SERVICE_URL: UrlRule = {
  isRight: (text) => isServiceUrl(text, false),
  expected: 'must be an https:// URL without credentials or query',
};

/** Https, or http to this machine. */
export const SERVICE_OR_LOOPBACK_URL: UrlRule = {
  isRight: (text) => isServiceUrl(text, true),
  expected: 'must be an https:// URL (http:// for loopback only) without credentials or query',
};

/** With another path Graph answers 404 for every call. */
export const GRAPH_URL: UrlRule = {
  isRight: (text) => isServiceUrl(text, true) && /\/(v1\.0|beta)\/*$/.test(new URL(text).pathname),
  expected: `${SERVICE_OR_LOOPBACK_URL.expected}, and end in /v1.0 or /beta`,
};

/** Of an app, in APPS_FILE. */
export const WEBHOOK_URL: UrlRule = {
  isRight: (text) => {
    const url = URL.parse(text);
    return url?.protocol === 'https:' && !url.username && !url.password && !url.hash;
  },
  expected: 'must be an https:// URL without credentials or fragment',
};

/** No credentials, which are secret, and no query or fragment, which would get lost. */
function isServiceUrl(text: string, mayBeHttp: boolean): boolean {
  const url = URL.parse(text);
  if (!url || url.username || url.password || url.search || url.hash) return false;
  const isPlain = url.protocol === 'http:' && mayBeHttp && isLoopback(url.hostname);
  return url.protocol === 'https:' || isPlain;
}
