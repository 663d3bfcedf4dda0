import type { RedisClient } from './connection.ts';

/** This Redis must not be used as it is; the message says what to change. */
export class UnsuitableRedisError extends Error {
  readonly code = 'UNSUITABLE_REDIS';
  constructor(message: string) {
    super(message);
    this.name = 'UnsuitableRedisError';
  }
}

/** The oldest Redis whose every command we use; BullMQ recommends it as well. */
const OLDEST: readonly [number, number] = [6, 2];

/**
 * Rejects with {@link UnsuitableRedisError} where Redis would lose calls or
 * lacks commands. Read from `INFO`, which managed services allow; they often
 * forbid `CONFIG`.
 */
export async function assertSuitable(redis: RedisClient): Promise<void> {
  const info = parseInfo(await redis.info());
  const version = info.get('redis_version') ?? '0.0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new UnsuitableRedisError(
      `Redis ${version} is too old: ${OLDEST.join('.')} or newer is needed. Upgrade the server that REDIS_URL names.`,
    );
  }
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    throw new UnsuitableRedisError(
      `Redis has maxmemory-policy ${policy}: under memory pressure it would drop calls in silence. ` +
        'Set it to noeviction (redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf).',
    );
  }
}

function parseInfo(text: string): Map<string, string> {
  return new Map(
    text.split(/\r?\n/).flatMap((line) => {
      const at = line.indexOf(':');
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
    }),
  );
}
