import { setTimeout as sleep } from 'node:timers/promises';
import { QUEUE_PREFIX } from '../../src/store/keys.ts';
import type { World } from './world.ts';

/** A fault of Redis, or of the connection to it, that is over after about `ms`. */
export interface RedisFault {
  /** Redis loses its data, including the events. */
  readonly losesData?: boolean;
  readonly needsLinks?: boolean;
  readonly act: (world: World, ms: number) => Promise<void>;
}

const DEAD_PORT = 1;

export const REDIS_FAULTS = {
  'is killed': {
    act: async ({ redis }, ms) => {
      await redis.kill();
      await sleep(ms);
      await redis.run();
    },
  },
  'is killed, and comes back empty': {
    losesData: true,
    act: async ({ redis }, ms) => {
      await redis.loseData();
      await sleep(ms);
      await redis.run();
    },
  },
  'is killed, and comes back with older data': {
    losesData: true,
    act: async ({ redis, bot }, ms) => {
      await redis.snapshot();
      await bot.startCalls(10);
      const [stopped, hungUp] = bot.wanted;
      if (stopped) await bot.stopCall(stopped);
      if (hungUp) bot.hangUp(hungUp);
      await sleep(4_500);
      await redis.setBack();
      await sleep(ms);
      await redis.run();
    },
  },
  'is flushed': { losesData: true, act: async ({ redis }) => void (await redis.client.flushall()) },
  'hangs on every command': {
    act: async ({ redis }, ms) => {
      await redis.client.client('PAUSE', Math.round(ms), 'ALL');
      await sleep(ms);
    },
  },
  'is stopped in its tracks': {
    act: async ({ redis }, ms) => {
      redis.freeze();
      await sleep(ms);
      redis.thaw();
    },
  },
  'is read-only after a failover': {
    act: async ({ redis }, ms) => {
      await redis.client.replicaof('127.0.0.1', DEAD_PORT);
      await sleep(ms);
      await redis.client.replicaof('NO', 'ONE');
    },
  },
  'is out of memory': {
    act: async ({ redis }, ms) => {
      await redis.client.config('SET', 'maxmemory', 1);
      await sleep(ms);
      await redis.client.config('SET', 'maxmemory', 0);
    },
  },
  'loads its data for long': {
    act: async ({ redis }, ms) => {
      await redis.client.bgrewriteaof();
      await sleep(1_000);
      await redis.kill();
      // Of some 800 keys each takes so many µs to load; events are seen to in between.
      const slow = ['--key-load-delay', `${Math.ceil((ms * 1_000) / 800)}`];
      redis.runSoon([...slow, '--loading-process-events-interval-bytes', '1024']);
      await redis.client.ping();
    },
  },
  'is busy with a script': {
    act: async ({ redis }, ms) => {
      await redis.client.config('SET', 'busy-reply-threshold', 100);
      const looping = redis.client.duplicate();
      looping.on('error', () => undefined);
      const ended = looping.eval('while true do end', 0).catch(() => undefined);
      await sleep(ms);
      await redis.client.script('KILL');
      await ended;
      looping.disconnect();
    },
  },
  'permits nothing': {
    act: async ({ redis }, ms) => {
      await redis.client.acl('SETUSER', 'default', '-@all', '+auth', '+ping', '+info');
      await sleep(ms);
      await redis.client.acl('SETUSER', 'default', '+@all');
    },
  },
  'has another password': {
    act: async ({ redis }, ms) => {
      await redis.client.config('SET', 'requirepass', 'rotated');
      await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await sleep(ms);
      await redis.client.config('SET', 'requirepass', '');
    },
  },
  'cuts every connection': {
    act: async ({ redis }, ms) => {
      for (const until = Date.now() + ms; Date.now() < until; await sleep(150)) {
        await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      }
    },
  },
  'cannot be reached by one replica': {
    needsLinks: true,
    act: async ({ links: [link] }, ms) => {
      await link?.refuse();
      await sleep(ms);
      await link?.accept();
    },
  },
  'is silent behind open sockets': {
    needsLinks: true,
    act: async ({ links }, ms) => {
      for (const link of links) link.hold();
      await sleep(ms);
      for (const link of links) link.release();
    },
  },
  'is silent to one replica': {
    needsLinks: true,
    act: async ({ links: [link] }, ms) => {
      link?.hold();
      await sleep(ms);
      link?.release();
    },
  },
  'is slow to reach': {
    needsLinks: true,
    act: async ({ links }, ms) => {
      for (const link of links) link.slow(60);
      await sleep(ms);
      for (const link of links) link.slow(0);
    },
  },
} as const satisfies Record<string, RedisFault>;

export type RedisFaultName = keyof typeof REDIS_FAULTS;

/** Deletes keys of BullMQ: the wheel must survive it, whatever the cause. */
export async function damageWheel({ redis }: World, pattern: string): Promise<number> {
  const keys = await redis.client.keys(`${QUEUE_PREFIX}:wheel:${pattern}`);
  return keys.length === 0 ? 0 : redis.client.del(...keys);
}
