import { isCluster, type RedisClient } from './connection.ts';

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
 * Rejects with {@link UnsuitableRedisError} where Redis would lose calls, lacks
 * commands, or is none that REDIS_URL may name like this; otherwise with what
 * Redis rejects with. Of a Cluster each master that answers must do. Read from
 * `INFO`, which managed services allow; they often forbid `CONFIG`.
 */
export async function assertSuitable(redis: RedisClient): Promise<void> {
  if (!isCluster(redis)) {
    const text = await redis.info();
    refuseOtherModes(modeOf(text));
    return assertServerSuitable(text);
  }
  if (redis.status !== 'ready') throw new Error('no Cluster answers');
  const masters = redis.nodes('master').map((node) => node.info());
  for (const answer of await Promise.allSettled(masters)) {
    if (answer.status === 'fulfilled') assertServerSuitable(answer.value);
  }
}

/** By its `INFO`: `standalone`, `cluster` or `sentinel`; some services say nothing of it. */
export function modeOf(info: string): string {
  return parseInfo(info).get('redis_mode') ?? 'standalone';
}

function refuseOtherModes(mode: string): void {
  if (mode === 'cluster') {
    throw new UnsuitableRedisError(
      'REDIS_URL says redis://, but names a node of a Cluster. ' +
        'Name some of its nodes with redis+cluster://host:port,host:port (rediss+cluster:// for TLS).',
    );
  }
  if (mode === 'sentinel') {
    throw new UnsuitableRedisError(
      'REDIS_URL says redis://, but names a Sentinel. ' +
        'Name it with redis+sentinel://host:port/group (rediss+sentinel:// for TLS).',
    );
  }
}

function assertServerSuitable(text: string): void {
  const info = parseInfo(text);
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
