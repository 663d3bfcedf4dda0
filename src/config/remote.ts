import { type Env, EnvReader } from './env-reader.ts';
import { readHost } from './listen-variables.ts';

/** Where a daemon is, and the key to show there, for those that ask one. */
export interface RemoteConfig {
  readonly urls: readonly string[];
  /** Also an access token of Entra. */
  readonly apiKey: string | null;
}

/**
 * @param given URLs that count instead of those in the environment
 * @throws ConfigError with all that is wrong
 */
export function readRemoteConfig(env: Env, given: readonly string[] = []): RemoteConfig {
  const read = new EnvReader(env);
  const remote = { urls: urlsOf(read, given), apiKey: keyOf(read) };
  read.throwFaults();
  return remote;
}

/** By default the daemon that has this very environment. */
function urlsOf(read: EnvReader, given: readonly string[]): readonly string[] {
  const named = read.list('CALLKEEPER_URL');
  const urls = given.length > 0 ? given : named;
  if (urls.some((text) => !isRemoteUrl(text))) {
    const name = given.length > 0 ? '--url' : 'CALLKEEPER_URL';
    read.fault(`${name} must be http:// or https:// URLs without credentials or query`);
  }
  if (urls.length > 0) return urls;
  const host = readHost(read);
  const here = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  const port = read.integer('PORT', 8080, 1, 65_535);
  return [`http://${here.includes(':') ? `[${here}]` : here}:${port}`];
}

function keyOf(read: EnvReader): string | null {
  const key = read.secretText('CALLKEEPER_API_KEY');
  if (key !== null && !/^[\x21-\x7e]{1,16384}$/.test(key)) {
    read.fault('CALLKEEPER_API_KEY must be one key or token, without a space in it');
  }
  return key;
}

function isRemoteUrl(text: string): boolean {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return false;
  return !url.username && !url.password && !url.search && !url.hash;
}
