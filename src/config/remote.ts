import { EnvReader } from './env-reader.ts';
import type { Environment } from './environment.ts';
import { isRemoteUrl, REMOTE_FAULT } from './table-process.ts';

/** The addresses of a daemon, and the key for it, if it needs one. */
export interface RemoteConfig {
  readonly urls: readonly string[];
  /** May be an access token of Entra. */
  readonly apiKey: string | null;
}

type Sources = Pick<Environment, 'env' | 'faults'>;

/**
 * @param given URLs instead of those in the environment
 * @throws ConfigError with all faults
 */
export function readRemoteConfig(
  { env, faults }: Sources,
  given: readonly string[] = [],
): RemoteConfig {
  const read = new EnvReader(env, faults);
  const remote = { urls: urlsOf(read, given), apiKey: read.get('CALLKEEPER_API_KEY') };
  read.throwFaults();
  return remote;
}

/** Like {@link readRemoteConfig}, for a command that needs no key: ignores faults of the key. */
export function readRemoteUrls(
  { env, faults }: Sources,
  given: readonly string[] = [],
): readonly string[] {
  const read = new EnvReader(env, faults);
  const urls = urlsOf(read, given);
  read.throwFaults();
  return urls;
}

/** The default: the daemon with the same environment. */
function urlsOf(read: EnvReader, given: readonly string[]): readonly string[] {
  if (!given.every(isRemoteUrl)) read.fault(`--url ${REMOTE_FAULT}`);
  const urls = given.length > 0 ? given : read.get('CALLKEEPER_URL');
  if (urls.length > 0) return urls;
  const host = read.get('HOST');
  const here = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  const port = read.get('PORT');
  if (port === 0) read.fault('PORT is 0, a free port: set CALLKEEPER_URL');
  return [`http://${here.includes(':') ? `[${here}]` : here}:${port}`];
}
