import { connectBlocking, connectFast, connectWorker } from '../store/connection.ts';
import { EmbeddedRedis } from '../store/embedded.ts';
import { Membership } from '../store/membership.ts';
import { RedisLink } from '../store/redis-link.ts';
import { Servers } from '../store/servers.ts';
import type { Context } from './context.ts';
import { buildRedisAccess } from './redis-access.ts';

/** BullMQ blocks for up to 10 s at a time. */
const WORKER_BLOCK_MS = 10_000;

/** The connections to Redis, and the link that says whether it serves. */
export async function openRedis(context: Context) {
  const { config, durations, log } = context;
  await using opening = new AsyncDisposableStack();
  const embedded = config.redisUrl === null ? new EmbeddedRedis(config.dataDir, log) : null;
  opening.defer(() => embedded?.stop());
  const url = config.redisUrl ?? (await embedded?.start()) ?? '';
  const access = buildRedisAccess({ ...context, timeouts: durations.graph });
  opening.defer(() => access.stop());
  const connection = {
    url,
    credentials: access.credentials,
    tlsServername: config.redisTlsServername,
    timeoutMs: durations.redisTimeoutMs,
    log,
  };
  const redis = connectFast(connection);
  opening.defer(() => redis.disconnect());
  // A client of its own: BullMQ adds scripts to it, and each pipeline pays for all of them.
  const forQueues = connectFast(connection);
  opening.defer(() => forQueues.disconnect());
  const servers = new Servers({ redis, connection });
  const { membership, link } = createLink(context, redis, servers);
  opening.defer(() => link.stop());
  const opened = opening.move();
  return {
    redis,
    forQueues,
    connectWorker: () => connectWorker(connection, WORKER_BLOCK_MS),
    connectBlocking: (blockMs: number) => connectBlocking(connection, blockMs),
    membership,
    link,
    start: () => void access.start().then(() => link.start()),
    reload: () => access.reload(),
    /** An embedded Redis is started again if it dies; an external one may never be back. */
    comesBack: embedded !== null,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

type Redis = ReturnType<typeof connectFast>;

function createLink(context: Context, redis: Redis, servers: Servers) {
  const { wheel, durations, clock } = context;
  const { intervalMs } = wheel;
  const membership = new Membership({
    ...context,
    redis,
    intervalMs,
    heartbeatTtlMs: durations.heartbeatTtlMs,
    onClock: (redisMs, sentAt, receivedAt) => clock.setBy(redisMs, sentAt, receivedAt),
  });
  const link = new RedisLink({
    ...context,
    servers,
    membership,
    intervalMs,
    heartbeatMs: durations.heartbeatMs,
    graceMs: durations.outGraceMs,
  });
  return { membership, link };
}
