import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { durationsFor } from '../../calls/durations.ts';
import type { Config } from '../../config/config.ts';
import { buildRedisTokens, credentialIn, FILE_FIX } from '../../daemon/redis-access.ts';
import { readVersion } from '../../platform/version.ts';
import { parseRedisUrl } from '../../store/address.ts';
import type { ConnectionOptions } from '../../store/client.ts';
import { type RedisCredentials, RotatingCredentials } from '../../store/credentials.ts';
import { about, type Finding } from './finding.ts';
import { ENTRA_FIX, serviceOf } from './services.ts';

/** How `check` logs in to Redis, in the same way as a replica. */
export interface RedisAccess {
  readonly connection: ConnectionOptions;
  /** Whether there is a token; null if Redis needs none. */
  readonly token: Finding | null;
  readonly close: () => Promise<void>;
}

export async function openRedis(url: string, config: Config): Promise<RedisAccess> {
  const { redisTimeoutMs: timeoutMs, graph } = durationsFor(config.intervalMs, config.deadlineMs);
  const log = pino({ level: 'silent' }); // findings say what is wrong
  const tokens = buildRedisTokens({
    config,
    timeouts: graph,
    clock: {
      now: () => Date.now(),
      sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
    },
    random: Math.random,
    userAgent: `callkeeper/${readVersion()}`,
    log,
    requested: () => undefined,
  });
  const tlsServername = config.redisTlsServername;
  const connection = {
    url,
    credentials: tokens?.credentials ?? inUrl(url, config),
    tlsServername,
    timeoutMs,
    log,
  };
  if (tokens === null) return { connection, token: null, close: async () => undefined };
  tokens.credentials.start();
  await tokens.credentials.ready;
  return { connection, token: tokenFinding(tokens.credentials), close: tokens.stop };
}

/** Credentials that never change, with the fix for their origin. */
function inUrl(url: string, { redisUrlFile }: Config): RedisCredentials | null {
  const address = parseRedisUrl(url);
  if (redisUrlFile !== null) return new RotatingCredentials(credentialIn(address), FILE_FIX);
  if (serviceOf(address, false) === null) return null;
  return new RotatingCredentials(credentialIn(address), ENTRA_FIX);
}

type Tokens = NonNullable<ReturnType<typeof buildRedisTokens>>;

function tokenFinding({ fault, current }: Tokens['credentials']): Finding {
  const tell = about(null);
  if (fault) return tell.failed('redis.token', fault.what, fault.fix);
  return tell.ok('redis.token', `a token of Entra for Redis, as user ${current.username}`);
}
