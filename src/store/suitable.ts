import { isCluster, type RedisClient } from './client.ts';
import { type Unfitness, UnsuitableRedisError } from './unsuitable.ts';

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

/** By name: what a server tells of itself by `INFO`. */
export type Info = ReadonlyMap<string, string>;

/** `standalone`, `cluster` or `sentinel`; some services say nothing of it. */
export function modeOf(info: Info): string {
  return info.get('redis_mode') ?? 'standalone';
}

/** Of what `redis://` names; null where it is one server, as it must be. */
export function otherMode(info: Info): Unfitness | null {
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

export function tooOld(info: Info): Unfitness | null {
  const version = info.get('redis_version') ?? '0.0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return null;
  return {
    what: `Redis ${version} is too old: ${OLDEST.join('.')} or newer is needed.`,
    fix: 'Upgrade the server that REDIS_URL names.',
  };
}

/** Where a server says nothing of its policy, as some services do, it is trusted. */
export function evicts(info: Info): Unfitness | null {
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

function refuse(unfitness: Unfitness | null): void {
  if (unfitness !== null) throw new UnsuitableRedisError(unfitness);
}
