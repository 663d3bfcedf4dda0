import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'bullmq';
import type { Cluster } from 'ioredis';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { EntraSource } from '../../src/daemon/entra-source.ts';
import { TokenCache, TokenError } from '../../src/graph/token-cache.ts';
import { createServerIdentity } from '../../src/simulator/certificate.ts';
import {
  type ConnectionOptions,
  connectBlocking,
  connectFast,
  connectWorker,
} from '../../src/store/connection.ts';
import { RotatingCredentials } from '../../src/store/credentials.ts';
import { Servers } from '../../src/store/servers.ts';
import { TokenCredentials } from '../../src/store/token-credentials.ts';
import { trust } from '../graph/fixtures.ts';
import { EntraFront } from '../redis/entra-front.ts';
import { makeToken, verifyToken } from '../redis/entra-tokens.ts';
import { clusterForFile } from '../redis/redis-cluster.ts';
import { RedisServer, redisForFile } from '../redis/redis-server.ts';
import { ready, realClock, SOON, silent } from './fixture.ts';

const OID = '55555555-5555-4555-8555-555555555555';
/** A third of it is left when a token is renewed: enough for a slow machine. */
const LIFE_MS = 6_000;
const EXPIRIES = 10;

let identity: Awaited<ReturnType<typeof createServerIdentity>>;
beforeAll(async () => {
  identity = await createServerIdentity();
  trust(identity.ca);
});

/** Entra, the Redis that takes its tokens, our credentials of them, and what connects with these. */
class World extends AsyncDisposableStack {
  readonly entra = { isDown: false, issued: 0, revoked: new Set<string>(), knowsNobody: false };
  readonly server = this.#own(new RedisServer());
  readonly front = this.#own(
    new EntraFront(this.server, identity, (username, token) =>
      this.entra.knowsNobody || this.entra.revoked.has(token) ? null : verifyToken(username, token),
    ),
  );
  readonly credentials = this.#own(
    new TokenCredentials({
      source: new EntraSource(this.#tokens(), undefined),
      clock: realClock,
      username: undefined,
      fix: 'Grant access.',
    }),
  );

  async start(): Promise<this> {
    await this.server.start();
    await this.front.start();
    this.credentials.start();
    return this;
  }

  get connection(): ConnectionOptions {
    const { credentials } = this;
    const url = `rediss://localhost:${this.front.port}`;
    return { url, credentials, timeoutMs: 5_000, log: silent };
  }

  fast() {
    const redis = connectFast(this.connection);
    this.defer(() => redis.disconnect());
    return redis;
  }

  /** Reads that block, one after another, until the test is over. */
  async keepBlocking(): Promise<void> {
    const redis = connectBlocking(this.connection, 500);
    this.defer(() => redis.disconnect());
    await ready(redis);
    const read = async () => {
      while (!this.disposed) await redis.xread('BLOCK', 500, 'STREAMS', 'none', '0');
    };
    read().catch(() => undefined);
  }

  async worker(): Promise<void> {
    const { redis, disconnect } = connectWorker(this.connection, 10_000);
    const options = { connection: redis, prefix: '{test}', drainDelay: 1 };
    const worker = new Worker('idle', async () => undefined, options as never);
    worker.on('error', () => undefined);
    this.defer(async () => {
      disconnect();
      await worker.close(true);
    });
    await worker.waitUntilReady();
  }

  #tokens(): TokenCache {
    return new TokenCache({
      acquire: async () => {
        if (this.entra.isDown) throw new TokenError(null, 'Entra is down.', null);
        this.entra.issued++;
        const value = makeToken(OID, Date.now() + LIFE_MS);
        return { value, lifetimeMs: LIFE_MS, refreshInMs: null };
      },
      uptime: () => performance.now(),
      random: Math.random,
      log: silent,
      requested: () => undefined,
      reserveMs: 0,
    });
  }

  #own<Part extends { stop(): Promise<void> }>(part: Part): Part {
    this.defer(() => part.stop());
    return part;
  }
}

describe.concurrent('tokens that expire', () => {
  test('replace no connection: not one for commands, not one that blocks, not one of BullMQ', {
    timeout: 180_000,
  }, async () => {
    await using world = await new World().start();
    const { front } = world;
    const redis = world.fast();
    await ready(redis);
    await Promise.all([world.keepBlocking(), world.worker()]);
    const names = async () => (await front.connections()).map(({ name }) => name).sort();
    // BullMQ opens others first, and closes them again.
    const own = expect.stringMatching(/^\{test\}:/);
    const all = ['callkeeper', 'callkeeper-blocking', 'callkeeper-blocking', own];
    await vi.waitFor(async () => expect(await names()).toEqual(all), SOON);
    const before = await front.connections();
    while (front.tokens <= EXPIRIES) {
      expect(await redis.ping()).toBe('PONG');
      await sleep(50);
    }
    // Each has the latest token but one, or the latest.
    await vi.waitFor(async () => {
      const users = new Set((await front.connections()).map(({ user }) => user));
      expect([...users]).toEqual([`token-${front.tokens}`]);
    }, SOON);
    const after = await front.connections();
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    expect(front.refused).toBe(0);
  });

  test('are not missed if there is none: Redis is out, and says why, until Entra is back', async () => {
    await using world = await new World().start();
    const { entra, credentials, connection } = world;
    const redis = world.fast();
    const servers = new Servers({ redis, connection });
    await ready(redis);
    expect(credentials.fault).toBeNull();
    entra.isDown = true;
    await vi.waitFor(async () => {
      const error = await redis.ping().catch((e: Error) => e);
      expect(error).toBeInstanceOf(Error);
      expect(await servers.causeOf(error)).toMatchObject({
        code: 'NO_TOKEN',
        what: 'no token for Redis: Entra is down',
      });
    }, SOON);
    entra.isDown = false;
    await vi.waitFor(async () => expect(await redis.ping()).toBe('PONG'), {
      ...SOON,
      timeout: 45_000, // the token is asked for again with pauses of up to 30 s
    });
    expect(credentials.fault).toBeNull();
  });

  test('are replaced early if Redis rejects one', async () => {
    await using world = await new World().start();
    const { entra, front, credentials } = world;
    const redis = world.fast();
    await ready(redis);
    entra.revoked.add(credentials.current.password ?? '');
    const later = world.fast();
    await vi.waitFor(async () => expect(await later.ping()).toBe('PONG'), SOON);
    expect(front.refused).toBeGreaterThan(0);
    expect(entra.issued).toBe(2);
  });

  test('come before the first connection: nobody asks without one', async () => {
    await using world = await new World().start();
    const { front } = world;
    const redis = world.fast();
    const errors: Error[] = [];
    redis.on('error', (error) => errors.push(error));
    await ready(redis);
    expect(errors).toEqual([]);
    expect(front.refused).toBe(0);
  });

  test('are worth nothing without access to the data, and the fix says what grants it', async () => {
    await using world = await new World().start();
    const { entra, front, credentials, connection } = world;
    await credentials.ready;
    entra.knowsNobody = true;
    const redis = world.fast();
    const servers = new Servers({ redis, connection });
    await vi.waitFor(() => expect(front.refused).toBeGreaterThan(0), SOON);
    const error = await redis.ping().catch((e: Error) => e);
    expect(await servers.causeOf(error)).toMatchObject({ code: 'WRONGPASS', fix: 'Grant access.' });
  });
});

/** Counts who follows them. */
class Followed extends RotatingCredentials {
  followers = 0;
  override onChange(listener: () => void): () => void {
    this.followers++;
    const end = super.onChange(listener);
    return () => {
      this.followers--;
      end();
    };
  }
}

function fastTo(connection: ConnectionOptions) {
  const redis = connectFast(connection);
  onTestFinished(() => redis.disconnect());
  return redis;
}

describe('a password that is rotated', () => {
  const server = redisForFile();
  const user = async (...rules: string[]) => {
    await server.client.acl('SETUSER', 'app', 'on', '~*', '&*', '+@all', ...rules);
  };
  /** Without those of connections that are made, which are in a HELLO. */
  const countAuths = async () => {
    const [, calls = '0'] =
      /cmdstat_auth:calls=(\d+)/.exec(await server.client.info('commandstats')) ?? [];
    return Number(calls);
  };
  const aConnection = async () => {
    await user('resetpass', '>old');
    const first = { username: 'app', password: 'old' };
    const credentials = new RotatingCredentials(first, 'Write the file.');
    const connection = { url: server.url, credentials, timeoutMs: 5_000, log: silent };
    return { credentials, connection };
  };

  test('is used on live connections, and by those that are cut', async () => {
    const { credentials, connection } = await aConnection();
    const redis = fastTo(connection);
    await ready(redis);
    const id = await redis.client('ID');
    const before = await countAuths();
    await user('>new');
    credentials.use({ username: 'app', password: 'new' });
    await vi.waitFor(async () => expect(await countAuths()).toBe(before + 1), SOON);
    expect(await redis.client('ID')).toBe(id);
    await user('<old');
    await server.client.client('KILL', 'USER', 'app');
    await vi.waitFor(async () => expect(await redis.client('ID')).not.toBe(id), SOON);
  });

  test('goes on with the old one while Redis does not know the new one', async () => {
    const { credentials, connection } = await aConnection();
    const redis = fastTo(connection);
    await ready(redis);
    const id = await redis.client('ID');
    await server.client.acl('LOG', 'RESET');
    credentials.use({ username: 'app', password: 'new' });
    await vi.waitFor(async () => expect(await server.client.acl('LOG')).toHaveLength(1), SOON);
    expect(await redis.client('ID')).toBe(id);
    await user('resetpass', '>new', '>old');
    expect(await redis.ping()).toBe('PONG');
  });

  test('can come with another user', async () => {
    const { credentials, connection } = await aConnection();
    const redis = fastTo(connection);
    await ready(redis);
    await server.client.acl('SETUSER', 'app-b', 'on', '>b', '~*', '&*', '+@all');
    credentials.use({ username: 'app-b', password: 'b' });
    await vi.waitFor(async () => expect(await redis.acl('WHOAMI')).toBe('app-b'), SOON);
  });
});

describe('an AUTH that a reconnect cuts off', () => {
  const server = redisForFile();
  const names = ['app-0', 'app-1', 'app-2'];
  const credentialOf = (username = '') => ({ username, password: username });

  /** A connection in the middle of a read that blocks, with an `AUTH` for app-1 behind it. */
  const cutOff = async () => {
    for (const name of names) {
      await server.client.acl('SETUSER', name, 'on', `>${name}`, '~*', '&*', '+@all');
    }
    const credentials = new RotatingCredentials(credentialOf('app-0'), 'Fix.');
    const connection = { url: server.url, credentials, timeoutMs: 5_000, log: silent };
    const redis = connectBlocking(connection, 30_000);
    onTestFinished(() => redis.disconnect());
    await ready(redis);
    const id = await redis.client('ID');
    const read = redis.xread('BLOCK', 0, 'STREAMS', 'stream', '$');
    await vi.waitFor(async () => {
      expect(await server.client.client('LIST', 'ID', id)).toMatch(/ flags=\S*b/);
    }, SOON);
    credentials.use(credentialOf('app-1'));
    return { redis, credentials, read, cut: () => server.client.client('KILL', 'ID', id) };
  };
  /** Ends the read, which has been sent again; returns who is asked for then, and after a while. */
  const endRead = async (read: Promise<unknown>) => {
    await vi.waitFor(async () => {
      expect(await server.client.client('LIST')).toMatch(/ flags=\S*b\S* .* user=app-/);
    }, SOON);
    await server.client.xadd('stream', '*', 'a', 'b');
    await read;
  };

  test('does not put the connection back on an older credential', async () => {
    const { redis, credentials, read, cut } = await cutOff();
    redis.once('close', () => credentials.use(credentialOf('app-2')));
    await cut();
    await endRead(read);
    await vi.waitFor(async () => expect(await redis.acl('WHOAMI')).toBe('app-2'), SOON);
  });

  test('is no harm if it is for the current one, or rejected by then', async () => {
    const { redis, credentials, read, cut } = await cutOff();
    redis.once('close', () => void server.client.acl('SETUSER', 'app-1', 'resetpass'));
    await cut();
    credentials.use(credentialOf('app-2'));
    await endRead(read);
    await vi.waitFor(async () => expect(await redis.acl('WHOAMI')).toBe('app-2'), SOON);
  });
});

describe('each node of a Cluster', () => {
  const cluster = clusterForFile();
  const everywhere = async (...args: [string, ...string[]]) => {
    for (const { client } of cluster.nodes) await client.acl('SETUSER', ...args);
  };
  const aCluster = async () => {
    const credentials = new Followed({ username: 'ours-a', password: 'a' }, 'Fix.');
    const connection = { url: cluster.url, credentials, timeoutMs: 5_000, log: silent };
    const redis = fastTo(connection) as Cluster;
    const servers = new Servers({ redis, connection });
    await ready(redis);
    return { credentials, redis, servers };
  };
  /** Who is connected as one of ours, by node and number. */
  const connected = async () => {
    const texts = await Promise.all(cluster.nodes.map(({ client }) => client.client('LIST')));
    return texts.flatMap((text, node) =>
      [...String(text).matchAll(/^id=(\d+) .* name=(\S*) .* user=(ours-\w+)/gm)]
        // What reads the nodes' hash slots is closed at once.
        .filter(([, , name = '']) => !name.includes('refresher'))
        .map(([, id, , user]) => ({ id: `${node}:${id}`, user })),
    );
  };

  test('has the new credential, a node that is met later too, and no connection is replaced', async () => {
    await everywhere('ours-a', 'on', '>a', '~*', '&*', '+@all');
    await everywhere('ours-b', 'on', '>b', '~*', '&*', '+@all');
    const credentials = new RotatingCredentials({ username: 'ours-a', password: 'a' }, 'Fix.');
    const url = cluster.url.split(',')[0] ?? '';
    const redis = fastTo({ url, credentials, timeoutMs: 5_000, log: silent });
    await ready(redis);
    await redis.set('key', '1');
    const before = await connected();
    credentials.use({ username: 'ours-b', password: 'b' });
    await vi.waitFor(async () => {
      expect(new Set((await connected()).map(({ user }) => user))).toEqual(new Set(['ours-b']));
    }, SOON);
    const after = (await connected()).map(({ id }) => id);
    for (const { id } of before) expect(after).toContain(id);
    // Old credentials are gone; each node is reached, also those that nothing was sent to so far.
    await everywhere('ours-a', 'off');
    for (let i = 0; i < 50; i++) expect(await redis.set(`key ${i}`, '1')).toBe('OK');
  });

  test('has it without ever being used, so the slots are read with it', async () => {
    await everywhere('ours-a', 'on', '>a', '~*', '&*', '+@all');
    await everywhere('ours-b', 'on', '>b', '~*', '&*', '+@all');
    const { credentials, redis } = await aCluster();
    credentials.use({ username: 'ours-b', password: 'b' });
    await everywhere('ours-a', 'off');
    const errors: Error[] = [];
    redis.on('node error', (error) => errors.push(error));
    // Each time another node is asked first.
    for (let i = 0; i < 20; i++) await promisify(redis.refreshSlotsCache.bind(redis))();
    expect(errors).toEqual([]);
  });

  test('follows the credentials no longer than it is there', async () => {
    await everywhere('ours-a', 'on', '>a', '~*', '&*', '+@all');
    const { credentials, redis } = await aCluster();
    await vi.waitFor(() => expect(redis.nodes().length).toBeGreaterThan(2), SOON);
    expect(credentials.followers).toBe(redis.nodes().length);
    redis.disconnect();
    await vi.waitFor(() => expect(credentials.followers).toBe(0), SOON);
  });

  test('explains no later failure by an error from before Redis served again', async () => {
    await everywhere('ours-a', 'on', '>a', '~*', '&*', '+@all');
    const { redis, servers } = await aCluster();
    const [node] = redis.nodes('master');
    const wrong = new Error('WRONGPASS invalid username-password pair or user is disabled.');
    const vague = new Error('Connection is closed.');
    node?.emit('error', wrong);
    expect(await servers.causeOf(vague)).toMatchObject({ code: 'WRONGPASS' });
    servers.noteServing();
    expect(await servers.causeOf(vague)).toMatchObject({ code: 'ECONNRESET' });
  });
});
