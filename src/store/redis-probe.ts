import type { Redis } from 'ioredis';
import { durationText } from '../calls/wording.ts';
import { causeOf, isVague, type RedisCause, RedisOutError } from './cause.ts';
import { type ConnectionOptions, isCluster, type RedisClient } from './client.ts';
import { connectFast } from './connection.ts';
import { withCredentials } from './credentials.ts';
import { diagnose } from './diagnosis.ts';
import { PROBE_KEY, PROBE_MS } from './keys.ts';
import { type Info, parseInfo } from './supported.ts';

export interface RedisProbe {
  /** One server, or each master of a Cluster. */
  readonly servers: readonly ServerProbe[];
  readonly writeFault: RedisCause | null;
  /** Redis lacks the database of the URL; ioredis then uses database 0. */
  readonly lacksDatabase: boolean;
}

export interface ServerProbe {
  /** `host:port` */
  readonly name: string;
  readonly info: Info;
  /** Its clock, and this machine's clock before and after the request; epoch ms. */
  readonly clock: { readonly at: number; readonly sentAt: number; readonly answeredAt: number };
}

/**
 * Probes the Redis of REDIS_URL, and writes a key that expires in a second. Rejects with
 * `UnsupportedRedisError` if the server is of another kind than the URL says, or with
 * {@link RedisOutError} if the cause is known. Takes at most a few times `timeoutMs`.
 */
export async function probeRedis(options: ConnectionOptions): Promise<RedisProbe> {
  const redis = connectFast(options);
  try {
    const { lacksDatabase } = await ready(redis, options);
    const nodes: readonly Redis[] = isCluster(redis) ? redis.nodes('master') : [redis];
    const servers = await Promise.all(nodes.map(lookAt));
    return { servers, writeFault: await writeFaultOf(redis), lacksDatabase };
  } catch (error) {
    const found = await diagnose(options);
    const cause = causeOf(error);
    const clearest = cause === null || isVague(cause) ? (found ?? cause) : cause;
    const reason = withCredentials(clearest, options.credentials);
    throw reason === null ? error : new RedisOutError(reason, error);
  } finally {
    redis.disconnect();
  }
}

/** Rejects with the first error, without retries. */
async function ready(redis: RedisClient, { timeoutMs }: ConnectionOptions) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let lacksDatabase = false;
  const late = new Error(`no answer in ${durationText(timeoutMs)}`);
  const timer = setTimeout(reject, timeoutMs, late);
  redis.once('ready', resolve);
  redis.on('error', (error: Error & { command?: { name: string } }) => {
    if (error.command?.name === 'select') lacksDatabase = true;
    else reject(error);
  });
  await promise.finally(() => clearTimeout(timer));
  return { lacksDatabase };
}

async function lookAt(node: Redis): Promise<ServerProbe> {
  const info = parseInfo(await node.info());
  const sentAt = Date.now();
  const [seconds, microseconds] = await node.time();
  const at = Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  const { host, port } = node.options;
  return { name: `${host}:${port}`, info, clock: { at, sentAt, answeredAt: Date.now() } };
}

async function writeFaultOf(redis: RedisClient): Promise<RedisCause | null> {
  try {
    await redis.set(PROBE_KEY, 1, 'PX', PROBE_MS);
    return null;
  } catch (error) {
    return (
      causeOf(error) ?? { code: 'UNKNOWN', what: 'Redis takes no writes', fix: "See Redis's log." }
    );
  }
}
