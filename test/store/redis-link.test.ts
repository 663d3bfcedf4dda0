import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { type Logger, pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createServerIdentity } from '../../src/simulator/certificate.ts';
import { connectFast } from '../../src/store/connection.ts';
import { Membership } from '../../src/store/membership.ts';
import { type LinkEvents, RedisLink } from '../../src/store/redis-link.ts';
import { Servers } from '../../src/store/servers.ts';
import { WHEEL } from '../calls/fixture.ts';
import { freePort } from '../free-port.ts';
import { RedisServer, redisForFile } from '../redis/redis-server.ts';
import { aRelayFromAfar } from '../redis/relay.ts';
import { realClock, SOON } from './fixture.ts';

const server = redisForFile();
const SECRET = 's3cret-of-the-test';
const TIMEOUT_MS = 1_000;

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly code?: string;
}

function aLog(): { log: Logger; lines: Line[] } {
  const lines: Line[] = [];
  const log = pino(
    { level: 'info' },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  return { log, lines };
}

/** A link, what it emitted, and what it logged. */
function aLink(url: string, graceMs = 100) {
  const { log, lines } = aLog();
  const connection = { url, timeoutMs: TIMEOUT_MS, log };
  const redis = connectFast(connection);
  const membership = new Membership({
    redis,
    intervalMs: WHEEL.intervalMs,
    replica: 'one',
    heartbeatTtlMs: 60_000,
    onClock: () => undefined,
  });
  const link = new RedisLink({
    servers: new Servers({ redis, connection }),
    membership,
    intervalMs: WHEEL.intervalMs,
    heartbeatMs: 50,
    graceMs,
    clock: realClock,
    log,
  });
  const emitted: (keyof LinkEvents)[] = [];
  for (const name of ['recovered', 'lost', 'refused'] as const) {
    link.on(name, () => void emitted.push(name));
  }
  onTestFinished(async () => {
    redis.disconnect();
    await link.stop();
  });
  return { link, emitted, lines, redis };
}

async function aServer(...options: string[]): Promise<RedisServer> {
  const own = new RedisServer(options);
  onTestFinished(() => own.stop());
  await own.start();
  return own;
}

const until = (is: () => boolean) => vi.waitFor(() => expect(is()).toBe(true), SOON);

describe('the link to Redis', () => {
  test('waits, comes up, goes out and comes up again, and emits each', async () => {
    const own = await aServer();
    const { link, emitted } = aLink(own.url);
    expect([link.state, link.cause]).toEqual(['waiting', null]);
    link.start();
    await until(() => link.state === 'up');
    expect(emitted).toEqual(['recovered']);
    const { out } = link;
    await own.kill();
    await until(() => link.state === 'out');
    expect([emitted, out.aborted]).toEqual([['recovered', 'lost'], true]);
    await own.restart();
    await until(() => link.state === 'up');
    expect([emitted, link.cause]).toEqual([['recovered', 'lost', 'recovered'], null]);
    expect(link.out.aborted).toBe(false);
  });

  test('is not up before the listeners of `recovered` are done, and emits it again until they are', async () => {
    const { link } = aLink(server.url);
    const listener = vi.fn<() => Promise<void>>().mockRejectedValueOnce(new Error('not yet'));
    const states: string[] = [];
    link.on('recovered', async () => {
      states.push(link.state);
      await listener();
    });
    link.start();
    await until(() => link.up);
    expect(listener).toHaveBeenCalledTimes(2);
    expect(states).not.toContain('up');
  });

  test('is out while a listener of `beat` fails', async () => {
    const { link } = aLink(server.url);
    let fails = false;
    link.on('beat', async () => {
      if (fails) throw new Error('not synced');
    });
    link.start();
    await until(() => link.up);
    fails = true;
    await until(() => link.state === 'out');
    fails = false;
    await until(() => link.up);
  });

  test('recovers without having been out when Redis comes back empty', async () => {
    const own = await aServer();
    const { link, emitted, lines } = aLink(own.url, 60_000);
    link.start();
    await until(() => link.up);
    await own.flush();
    await until(() => emitted.length > 1);
    expect(emitted).toEqual(['recovered', 'recovered']);
    expect(lines.map(({ msg }) => msg)).toContain(
      'Redis has lost data: writing it back from memory',
    );
  });

  test('refuses a Redis that evicts, but not one that it has worked with', async () => {
    const own = await aServer('--maxmemory-policy', 'allkeys-lru');
    const { link, emitted } = aLink(own.url);
    link.start();
    await until(() => emitted.includes('refused'));
    expect(link.cause?.what).toContain('maxmemory-policy allkeys-lru');
    await own.client.config('SET', 'maxmemory-policy', 'noeviction');
    await until(() => link.up);
    const before = emitted.length;
    await own.client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await own.restart();
    await until(() => emitted.length > before);
    expect(emitted.slice(before)).not.toContain('refused');
  });
});

/** What is done to a server that was fine, and undone. */
type Harm = (own: RedisServer) => Promise<() => Promise<unknown>>;

const HARMS: Record<string, { code: string; text: RegExp; harm: Harm }> = {
  'is a replica': {
    code: 'READONLY',
    text: /read-only replica \(READONLY\)/,
    harm: async ({ client }) => {
      await client.call('REPLICAOF', '127.0.0.1', `${await freePort()}`);
      return () => client.call('REPLICAOF', 'NO', 'ONE');
    },
  },
  'is out of memory': {
    code: 'OOM',
    text: /out of memory \(OOM\)/,
    harm: async ({ client }) => {
      await client.config('SET', 'maxmemory', 1);
      return () => client.config('SET', 'maxmemory', 0);
    },
  },
  'forbids us a command': {
    code: 'NOPERM',
    text: /lacks a permission \(NOPERM: evalsha\)/,
    harm: async ({ client }) => {
      await client.acl('SETUSER', 'callkeeper', '-evalsha');
      return () => client.acl('SETUSER', 'callkeeper', '+@all');
    },
  },
  'forbids us our keys': {
    code: 'NOPERM',
    text: /lacks a permission \(NOPERM\)/,
    harm: async ({ client }) => {
      await client.acl('SETUSER', 'callkeeper', 'resetkeys');
      return () => client.acl('SETUSER', 'callkeeper', '~*');
    },
  },
  'has another password': {
    code: 'WRONGPASS',
    text: /rejects the user or the password \(WRONGPASS\)/,
    harm: async ({ client }) => {
      await client.acl('SETUSER', 'callkeeper', '>new', `<${SECRET}`);
      await client.call('CLIENT', 'KILL', 'USER', 'callkeeper');
      return () => client.acl('SETUSER', 'callkeeper', `>${SECRET}`);
    },
  },
  'runs a script without end': {
    code: 'BUSY',
    text: /busy with a script \(BUSY\)/,
    harm: async ({ client, port }) => {
      await client.config('SET', 'busy-reply-threshold', 1);
      const looping = new RedisServerClient(port);
      looping.eval();
      return async () => {
        await client.script('KILL');
        looping.end();
      };
    },
  },
  hangs: {
    code: 'TIMEOUT',
    text: /gives no answer \(timeout\)/,
    harm: async (own) => {
      own.freeze();
      return async () => own.thaw();
    },
  },
  'takes writes of nobody while its replicas are away': {
    code: 'NOREPLICAS',
    text: /min-replicas-to-write\) \(NOREPLICAS\)/,
    harm: async ({ client }) => {
      await client.config('SET', 'min-replicas-to-write', 1);
      return () => client.config('SET', 'min-replicas-to-write', 0);
    },
  },
  'is killed': {
    code: 'ECONNREFUSED',
    text: /nothing listens there: 127\.0\.0\.1:\d+ \(ECONNREFUSED\)/,
    harm: async (own) => {
      await own.kill();
      return () => own.restart();
    },
  },
};

/** A client that is in the middle of a command. */
class RedisServerClient {
  readonly #client;
  constructor(port: number) {
    this.#client = connectFast({
      url: `redis://127.0.0.1:${port}`,
      timeoutMs: 60_000,
      log: pino({ level: 'silent' }),
    });
  }
  eval(): void {
    this.#client.once('ready', () => {
      this.#client.eval('while true do end', 0).catch(() => undefined);
    });
  }
  end(): void {
    this.#client.disconnect();
  }
}

describe('the log once, and the link, have the cause when a Redis that served', () => {
  test.each(Object.entries(HARMS))('%s', async (_, { code, text, harm }) => {
    const own = await aServer('--user', 'callkeeper', 'on', `>${SECRET}`, '~*', '&*', '+@all');
    const { link, lines } = aLink(own.url.replace('//', `//callkeeper:${SECRET}@`));
    link.start();
    await until(() => link.up);
    lines.length = 0;
    const undo = await harm(own);
    try {
      await until(() => link.state === 'out' && link.cause?.code === code);
      await sleep(2 * TIMEOUT_MS); // some more beats
      expect(link.cause?.what).toMatch(text);
      expect(lines.filter((line) => line.level === 40 && line.code === code)).toHaveLength(1);
    } finally {
      await undo();
    }
    await until(() => link.up);
    expect(link.cause).toBeNull();
    expect(JSON.stringify(lines)).not.toContain(SECRET);
  });
});

/** The address at which a link that was never up should find its Redis. */
const PLACES: Record<string, { code: string; text: RegExp; url: () => Promise<string> }> = {
  'loads its data': {
    code: 'LOADING',
    text: /loading its data from disk \(LOADING\)/,
    url: async () => {
      const own = await aServer(
        ...['--enable-debug-command', 'yes', '--loading-process-events-interval-bytes', '1024'],
      );
      for (let i = 0; i < 20; i++) await own.client.call('DEBUG', 'POPULATE', 1_000, `key${i}`);
      await own.client.config('SET', 'key-load-delay', 2_000);
      void own.client.call('DEBUG', 'RELOAD').catch(() => undefined);
      return own.url;
    },
  },
  'has a name that nobody knows': {
    code: 'ENOTFOUND',
    text: /the name "redis\.invalid" cannot be resolved \((ENOTFOUND|EAI_AGAIN)\)/,
    url: async () => `redis://:${SECRET}@redis.invalid:6379`,
  },
  'wants a password': {
    code: 'NOAUTH',
    text: /requires a password \(NOAUTH\)/,
    url: async () => {
      const own = await aServer();
      await own.client.config('SET', 'requirepass', 'other');
      return own.url;
    },
  },
  'takes no more connections': {
    code: 'MAXCLIENTS',
    text: /no room for another connection \(maxclients\)/,
    url: async () => {
      const own = await aServer();
      await own.client.config('SET', 'maxclients', 1);
      return own.url;
    },
  },
  'is a Cluster that rejects us': {
    code: 'WRONGPASS',
    text: /\(WRONGPASS\)$/,
    url: async () => {
      const { port } = await aServer('--cluster-enabled', 'yes');
      return `redis+cluster://nobody:${SECRET}@127.0.0.1:${port}`;
    },
  },
  'is a Cluster in which nobody serves our slot': {
    code: 'CLUSTERDOWN',
    text: /does not serve our hash slot \(CLUSTERDOWN\)/,
    url: async () => {
      const own = await aServer('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1');
      await own.client.call('CLUSTER', 'ADDSLOTSRANGE', 0, 9);
      return `redis+cluster://127.0.0.1:${own.port}`;
    },
  },
  'is the master of a Sentinel group and rejects us': {
    code: 'WRONGPASS',
    text: /\(WRONGPASS\)$/,
    url: async () => {
      const sentinel = new RedisServer([], `sentinel monitor calls 127.0.0.1 ${server.port} 1\n`);
      onTestFinished(() => sentinel.stop());
      await sentinel.start();
      return `redis+sentinel://nobody:${SECRET}@127.0.0.1:${sentinel.port}/calls`;
    },
  },
  'is behind Sentinels that are gone': {
    code: 'ECONNREFUSED',
    text: /nothing listens there: 127\.0\.0\.1:\d+ \(ECONNREFUSED\)/,
    url: async () => `redis+sentinel://127.0.0.1:${await freePort()}/calls`,
  },
  'speaks no TLS': {
    code: 'ETIMEDOUT',
    text: /no connection could be made in time \(ETIMEDOUT\)/,
    url: async () => server.url.replace('redis:', 'rediss:'),
  },
  'wants TLS': {
    code: 'ECONNRESET',
    text: /the connection was closed/,
    url: async () => `redis://127.0.0.1:${await aTlsServer()}`,
  },
  'is in protected mode': {
    code: 'DENIED',
    text: /protected mode: it takes connections from its own host only \(DENIED\)/,
    url: async () => {
      const own = await aServer('--bind', '127.0.0.1', '--protected-mode', 'yes');
      return `redis://127.0.0.1:${await aRelayFromAfar(own.port)}`;
    },
  },
  'has a certificate of an unknown CA': {
    code: 'SELF_SIGNED_CERT_IN_CHAIN',
    text: /of an unknown CA \(SELF_SIGNED_CERT_IN_CHAIN\)/,
    url: async () => `rediss://127.0.0.1:${await aTlsServer()}`,
  },
  'has a certificate for another name': {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    text: /certificate is for DNS:localhost, IP Address:127\.0\.0\.1, .*, not for 127\.0\.0\.2$/,
    url: async () => `rediss://127.0.0.2:${await aTlsServer({ isTrusted: true })}`,
  },
};

async function aTlsServer({ isTrusted = false } = {}): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'callkeeper-tls-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const { ca, certificate, key } = await createServerIdentity();
  const file = async (name: string, text: string) => {
    await writeFile(join(directory, name), text);
    return join(directory, name);
  };
  const port = await freePort();
  await aServer(
    ...['--bind', '127.0.0.1', '127.0.0.2', '--tls-port', `${port}`, '--tls-auth-clients', 'no'],
    ...['--tls-cert-file', await file('cert.pem', certificate)],
    ...['--tls-key-file', await file('key.pem', key)],
    ...['--tls-ca-cert-file', await file('ca.pem', ca)],
  );
  if (isTrusted) {
    const before = tls.getCACertificates('default');
    tls.setDefaultCACertificates([...before, ca]);
    onTestFinished(() => tls.setDefaultCACertificates(before));
  }
  return port;
}

describe('a link that never had a Redis has the cause when it', () => {
  test.each(Object.entries(PLACES))('%s', async (_, { code, text, url }) => {
    const { link, lines } = aLink(await url());
    link.start();
    const codes = code === 'ENOTFOUND' ? [code, 'EAI_AGAIN'] : [code];
    await vi.waitFor(() => expect(codes).toContain(link.cause?.code), SOON);
    expect(link.cause?.what).toMatch(text);
    await until(() => link.state === 'out');
    const told = lines.filter((line) => line.level === 40 && codes.includes(line.code ?? ''));
    expect(told).toHaveLength(1);
    expect(JSON.stringify(lines)).not.toContain(SECRET);
  });
});
