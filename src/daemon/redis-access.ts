import type { Logger } from 'pino';
import type { GraphTimeouts } from '../calls/durations.ts';
import type { Clock, Random } from '../calls/ports.ts';
import type { Config } from '../config/config.ts';
import { FileWatch, type FileWatchOptions } from '../config/file-watch.ts';
import { readRotatedUrl } from '../config/redis-variables.ts';
import { Dispatchers } from '../graph/dispatchers.ts';
import { type TokenFailure, Tokens } from '../graph/tokens.ts';
import type { TokenLog } from '../log/token-log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { parseRedisUrl, type RedisAddress } from '../store/address.ts';
import { type Credential, RotatingCredentials } from '../store/credentials.ts';
import { TokenCredentials } from '../store/token-credentials.ts';
import { EntraSource } from './entra-source.ts';

export interface RedisAccessParts
  extends Omit<RedisTokenParts, 'requested' | 'failed'>,
    RedisUrlParts {
  readonly config: RedisTokenParts['config'] & RedisUrlParts['config'];
  readonly metrics: Pick<Metrics, 'redisUrlReloaded' | 'tokenRequested'>;
  readonly tokenLog: Pick<TokenLog, 'failed'>;
}

/** How this replica authenticates with Redis; `credentials` is null if they never change. */
export function buildRedisAccess(parts: RedisAccessParts) {
  const tokens = buildRedisTokens({
    ...parts,
    requested: (outcome) => parts.metrics.tokenRequested(outcome, ''),
    failed: (failure) => parts.tokenLog.failed({ ...failure, app: '' }),
  });
  const file = watchRedisUrl(parts);
  return {
    credentials: tokens?.credentials ?? file?.credentials ?? null,
    /** Resolves with the first token, or when the first attempt to get one has failed. */
    start: async () => {
      tokens?.credentials.start();
      file?.watch.start();
      await tokens?.credentials.ready;
    },
    reload: () => file?.watch.reload(),
    stop: async () => {
      await Promise.all([tokens?.stop(), file?.watch.stop()]);
    },
  };
}

interface RedisTokenParts {
  readonly config: Pick<Config, 'redisUrl' | 'redisEntra' | 'proxy'>;
  readonly timeouts: GraphTimeouts;
  readonly clock: Clock;
  readonly random: Random;
  readonly userAgent: string;
  readonly log: Logger;
  readonly requested: (outcome: 'success' | 'failure') => void;
  readonly failed?: (failure: TokenFailure) => void;
}

/** Only one request is in flight; the second connection is for the request after a failure. */
const CONNECTIONS = 2;
const ACCESS_FIX =
  'Give this identity access to the data of Redis by its object id (portal: Authentication, Select member).';
export const FILE_FIX = 'Put the user and the password of Redis into the file of REDIS_URL_FILE.';

function accessFix(username: string | undefined): string {
  if (username === undefined) return ACCESS_FIX;
  return `REDIS_URL names the user ${username}: if that is not the object id of the identity, remove it. ${ACCESS_FIX}`;
}

/** Gets tokens for Redis from Entra ID, as for Graph; null without REDIS_AUTH=entra. */
export function buildRedisTokens(parts: RedisTokenParts) {
  const { config, timeouts, clock, random, userAgent, log, requested, failed } = parts;
  if (config.redisEntra === null || config.redisUrl === null) return null;
  const { identity, scope } = config.redisEntra;
  const { username } = parseRedisUrl(config.redisUrl);
  const connections = new Dispatchers(CONNECTIONS, timeouts, config.proxy);
  const { tokenMs } = timeouts;
  const options = { connections, tokenMs, clock, random, log, requested, failed, userAgent };
  const tokens = new Tokens({ ...options, scope, reserveMs: 0 });
  const source = new EntraSource(tokens.of(identity, identity.tenantId), username);
  const credentials = new TokenCredentials({ source, clock, username, fix: accessFix(username) });
  return {
    credentials,
    stop: async () => {
      await credentials.stop();
      await connections.destroy();
    },
  };
}

interface RedisUrlParts {
  readonly config: Pick<Config, 'redisUrl' | 'redisUrlFile'>;
  readonly metrics: Pick<Metrics, 'redisUrlReloaded'>;
  readonly watched: Omit<FileWatchOptions<RedisAddress>, 'file'>;
}

/** null without REDIS_URL_FILE. */
function watchRedisUrl({ config, metrics, watched }: RedisUrlParts) {
  const { redisUrl, redisUrlFile } = config;
  if (redisUrl === null || redisUrlFile === null) return null;
  const credentials = new RotatingCredentials(credentialIn(parseRedisUrl(redisUrl)), FILE_FIX);
  const watch = new FileWatch<RedisAddress>({
    ...watched,
    file: {
      ...redisUrlFile,
      variable: 'REDIS_URL_FILE',
      subject: 'the user and the password of Redis',
      read: (text) => readRotatedUrl(text, redisUrl),
      use: (address) => credentials.use(credentialIn(address)),
      logFields: () => ({}),
      reloaded: (outcome) => metrics.redisUrlReloaded(outcome),
    },
  });
  return { credentials, watch };
}

export function credentialIn({ username, password }: RedisAddress): Credential {
  return { username, password };
}
