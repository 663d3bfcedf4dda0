import { isCluster, type RedisClient } from './client.ts';
import { type UnsupportedRedis, UnsupportedRedisError } from './unsupported.ts';

/** The oldest Redis with all commands that we use; BullMQ recommends it too. */
const OLDEST: readonly [number, number] = [6, 2];

/**
 * Rejects with {@link UnsupportedRedisError} if Redis would lose calls, lacks commands, or is of
 * another kind than REDIS_URL says; otherwise rejects if Redis does. In a Cluster it checks each
 * master that answers. It uses `INFO`, because managed services often forbid `CONFIG`.
 */
export async function assertSupported(redis: RedisClient): Promise<void> {
  if (!isCluster(redis)) {
    const info = parseInfo(await redis.info());
    refuse(otherMode(info));
    return refuseServer(info);
  }
  if (redis.status !== 'ready') throw new Error('no Cluster answers');
  const masters = redis.nodes('master').map((node) => node.info());
  for (const answer of await Promise.allSettled(masters)) {
    if (answer.status === 'fulfilled') refuseServer(parseInfo(answer.value));
  }
}

export type Info = ReadonlyMap<string, string>;

/** `standalone`, `cluster` or `sentinel`; some services do not say. */
export function modeOf(info: Info): string {
  return info.get('redis_mode') ?? 'standalone';
}

/** The fault if `redis://` names something other than one server; null if it does not. */
export function otherMode(info: Info): UnsupportedRedis | null {
  switch (modeOf(info)) {
    case 'cluster':
      return {
        what: 'REDIS_URL says redis://, but names a node of a Cluster.',
        fix: 'Name some of its nodes with redis+cluster://host:port,host:port (rediss+cluster:// for TLS).',
      };
    case 'sentinel':
      return {
        what: 'REDIS_URL says redis://, but names a Sentinel.',
        fix: 'Name it with redis+sentinel://host:port/group (rediss+sentinel:// for TLS).',
      };
    default:
      return null;
  }
}

export function tooOld(info: Info): UnsupportedRedis | null {
  const version = info.get('redis_version') ?? '0.0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return null;
  return {
    what: `Redis ${version} is too old: ${OLDEST.join('.')} or newer is needed.`,
    fix: 'Upgrade the server that REDIS_URL names.',
  };
}

/** Some services do not say their policy: they are trusted. */
export function evicts(info: Info): UnsupportedRedis | null {
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  if (policy === 'noeviction') return null;
  return {
    what: `Redis has maxmemory-policy ${policy}: under memory pressure it would drop calls in silence.`,
    fix: 'Set it to noeviction (redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf; in the portal if a service runs Redis).',
  };
}

export function parseInfo(text: string): Info {
  return new Map(
    text.split(/\r?\n/).flatMap((line) => {
      const at = line.indexOf(':');
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
    }),
  );
}

function refuseServer(info: Info): void {
  refuse(tooOld(info));
  refuse(evicts(info));
}

function refuse(unsupported: UnsupportedRedis | null): void {
  if (unsupported !== null) throw new UnsupportedRedisError(unsupported);
}
