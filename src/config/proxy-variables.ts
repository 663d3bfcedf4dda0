import type { Proxies } from '../graph/connections.ts';
import { NoProxyError, parseNoProxy } from '../graph/no-proxy.ts';
import type { EnvReader } from './env-reader.ts';

export function readProxies(read: EnvReader): Proxies {
  return {
    http: readProxy(read, 'HTTP_PROXY'),
    https: readProxy(read, 'HTTPS_PROXY'),
    no: readNoProxy(read),
  };
}

/** Reads either spelling, like curl; a fault names the one that is set. */
function readProxy(read: EnvReader, variable: string): string | null {
  const name = read.text(variable) === null ? variable.toLowerCase() : variable;
  const text = read.text(name);
  if (text === null) return null;
  const url = URL.parse(text);
  if (!/^https?:$/.test(url?.protocol ?? '')) {
    read.fault(`${name} must be an http:// or https:// URL`);
  } else if (!isDecodable(`${url?.username}:${url?.password}`)) {
    read.fault(`${name} must have its user and password percent-encoded: a bare % is %25`);
  }
  return text;
}

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== '';
  } catch {
    return false;
  }
}

function readNoProxy(read: EnvReader): string | null {
  const name = read.text('NO_PROXY') === null ? 'no_proxy' : 'NO_PROXY';
  const text = read.text(name);
  try {
    parseNoProxy(text ?? '');
  } catch (error) {
    if (!(error instanceof NoProxyError)) throw error;
    read.fault(`${name}: ${error.message}`);
  }
  return text;
}
