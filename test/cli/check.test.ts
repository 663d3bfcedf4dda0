import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Finding } from '../../src/cli/check/finding.ts';
import { createServerIdentity } from '../../src/simulator/certificate.ts';
import { DEFAULT_SECRET } from '../../src/simulator/simulator.ts';
import { objectIdOf } from '../../src/simulator/tokens.ts';
import { freePort } from '../free-port.ts';
import { CLIENT, TENANT, World } from '../process/world.ts';
import { EntraFront, type Verify } from '../redis/entra-front.ts';
import { verifyToken } from '../redis/entra-tokens.ts';
import { RedisServer, redisForFile } from '../redis/redis-server.ts';
import { aRelayFromAfar } from '../redis/relay.ts';
import { cli, type Ended } from './cli.ts';

const redis = redisForFile();
const world = new World();
beforeAll(() => world.start());
afterAll(() => world.stop());
afterEach(async () => {
  world.simulator.reset();
  world.simulator.grantRoles(['Calls.Initiate.All']);
  await Promise.all([world.simulator.graphUp(), world.simulator.entraUp()]);
});

/** At Graph's own pace, whose limits of time are long enough for a slow machine. */
const env = (over: Readonly<Record<string, string>> = {}) => ({
  ...world.env(),
  KEEPALIVE_INTERVAL: '15m',
  KEEPALIVE_DEADLINE: '45m',
  REDIS_URL: redis.url,
  ...over,
});

interface Report {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

const report = ({ stdout }: Ended): Report => JSON.parse(stdout) as Report;

/** What is not ok, of an environment that is otherwise. */
async function wrongs(over: Readonly<Record<string, string>> = {}): Promise<Finding[]> {
  const ended = await cli(['check', '--json'], env(over));
  const { ok, findings } = report(ended);
  const wrong = findings.filter(({ status }) => status !== 'ok');
  const hasFailed = wrong.some(({ status }) => status === 'failed');
  expect({ ok, code: ended.code }).toEqual({ ok: !hasFailed, code: hasFailed ? 1 : 0 });
  for (const { fix } of wrong) expect(fix).toMatch(/\.$/);
  return wrong;
}

async function aRedis(...options: string[]): Promise<RedisServer> {
  const server = new RedisServer(options);
  onTestFinished(() => server.stop());
  await server.start();
  return server;
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('if all is well', () => {
  test('each line says so, and no call was touched', async () => {
    const { simulator } = world;
    const id = simulator.createCall();
    const { code, stdout, stderr } = await cli(['check'], env());
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split(':')[0]?.replace(/127.+\)/, 'R)'))).toEqual([
      'ok       configuration',
      'ok       redis (127.0.0.1',
      'ok       redis.eviction (127.0.0.1',
      'ok       redis.persistence (127.0.0.1',
      'ok       redis.clock (127.0.0.1',
      'ok       redis.writes',
      'ok       token (default)',
      'ok       permission (default)',
      'ok       graph (default)',
      'ok       graph.clock (default)',
    ]);
    expect(simulator.summary()).toMatchObject([{ id, state: 'established', renewals: 0 }]);
    expect(simulator.ledger.keepAlives).toMatchObject([{ call: 'unknown', answer: 404 }]);
    const keys = await redis.client.keys('*');
    expect(keys.filter((key) => !key.endsWith(':probe'))).toEqual([]);
  });

  test('check looks for the redis-server that a replica would start', async () => {
    const { code, stdout } = await cli(['check'], env({ REDIS_URL: '' }));
    expect(stdout).toMatch(/^ok {7}redis \(embedded\): redis-server \d+\.\d+\.\d+ is installed/m);
    expect(code).toBe(0);
  });

  test('check --environment asks nobody', async () => {
    const nobody = { REDIS_URL: 'redis://127.0.0.1:1', GRAPH_BASE_URL: 'http://127.0.0.1:1/v1.0' };
    const { code, stdout } = await cli(['check', '--environment'], env(nobody));
    expect(stdout).toMatch(
      /^ok {7}configuration: cloud global, .* Redis at 127\.0\.0\.1:1; .*; app default\n$/,
    );
    expect(code).toBe(0);
    const none = await cli(
      ['check', '--environment'],
      env({ REDIS_URL: '', PATH: world.directory }),
    );
    expect(none.stderr).toContain('REDIS_URL is not set');
    expect(none.code).toBe(2);
  });

  test('a redis-server that a replica has started is asked', async () => {
    const replica = world.replica({ DATA_DIR: join(world.directory, 'embedded') });
    await replica.ready();
    const over = { REDIS_URL: '', DATA_DIR: join(world.directory, 'embedded') };
    const { code, stdout } = await cli(['check'], env(over));
    expect(stdout).toMatch(
      /^ok {7}redis\.persistence \(127\.0\.0\.1:\d+\): append-only file is on/m,
    );
    expect(code).toBe(0);
    await replica.stop();
  });
});

describe('a Redis', () => {
  test('that is gone is a failure', async () => {
    const port = await freePort();
    expect(await wrongs({ REDIS_URL: `redis://127.0.0.1:${port}` })).toMatchObject([
      {
        check: 'redis',
        subject: `127.0.0.1:${port}`,
        status: 'failed',
        detail: expect.stringContaining('ECONNREFUSED'),
      },
    ]);
  });

  test('that repeats the password of an unknown AUTH is reported without it', async () => {
    const server = await aRedis('--rename-command', 'AUTH', '', '--rename-command', 'HELLO', '');
    const url = server.url.replace('//', '//callkeeper:pass-word@');
    for (const args of [['check'], ['check', '--json']]) {
      const { code, stdout, stderr } = await cli(args, env({ REDIS_URL: url }));
      expect(stdout).toContain('unknown command');
      expect(stdout + stderr).not.toContain('pass-word');
      expect(code).toBe(1);
    }
  });

  test('without an append-only file is a warning, and a failure where that is asked for', async () => {
    const server = await aRedis('--appendonly', 'no');
    expect(await wrongs({ REDIS_URL: server.url })).toMatchObject([
      {
        check: 'redis.persistence',
        status: 'warning',
        detail: expect.stringContaining('no append-only file'),
        fix: expect.stringContaining('CONFIG SET appendonly yes'),
      },
    ]);
    const strict = await cli(['check', '--strict'], env({ REDIS_URL: server.url }));
    expect(strict.code).toBe(1);
    expect(strict.stdout).toMatch(/^warning {2}redis\.persistence .+\n {9}→ Turn it on/m);
  });

  test('that evicts is a failure', async () => {
    const server = await aRedis('--maxmemory-policy', 'allkeys-lru');
    expect(await wrongs({ REDIS_URL: server.url })).toMatchObject([
      {
        check: 'redis.eviction',
        status: 'failed',
        detail: expect.stringContaining('maxmemory-policy allkeys-lru'),
        fix: expect.stringContaining('noeviction'),
      },
    ]);
  });

  test('that is out of memory is a failure', async () => {
    const server = await aRedis('--maxmemory', '1');
    expect(await wrongs({ REDIS_URL: server.url })).toMatchObject([
      { check: 'redis.writes', status: 'failed', detail: expect.stringContaining('OOM') },
    ]);
  });

  test('that is a replica of another is a failure', async () => {
    const server = await aRedis('--replicaof', '127.0.0.1', String(redis.port));
    const found = await wrongs({ REDIS_URL: server.url });
    expect(found).toMatchObject([
      { check: 'redis.writes', detail: expect.stringContaining('READONLY') },
    ]);
  });

  test('that wants another password is a failure, which does not tell the one it was given', async () => {
    const server = await aRedis();
    await server.client.config('SET', 'requirepass', 'the-right-one');
    const url = server.url.replace('//', '//:the-wrong-one@');
    const [found, ...others] = await wrongs({ REDIS_URL: url });
    expect(others).toEqual([]);
    expect(found).toMatchObject({ check: 'redis', fix: expect.stringContaining('password') });
    expect(JSON.stringify(found)).not.toContain('the-wrong-one');
  });

  test('in protected mode is a failure, which says so and nothing else', async () => {
    const url = `redis://127.0.0.1:${await aRelayFromAfar(redis.port)}`;
    const detail =
      'Redis is in protected mode: it takes connections from its own host only (DENIED)';
    expect(await wrongs({ REDIS_URL: url })).toMatchObject([{ check: 'redis', detail }]);
    const { stderr } = await cli(['check'], env({ REDIS_URL: url }));
    expect(stderr).toBe('');
  });

  test.each([
    ['DNS', 'redis://redis.invalid', /the name "redis\.invalid" cannot be resolved/],
    ['a user', 'redis://nobody:s3cret@', /\(WRONGPASS\)/],
  ])('of which %s is wrong is a failure, which names the cause', async (_, address, detail) => {
    const url = address.endsWith('@') ? `${address}127.0.0.1:${redis.port}` : address;
    const found = await wrongs({ REDIS_URL: url });
    expect(found).toMatchObject([{ check: 'redis', detail: expect.stringMatching(detail) }]);
    expect(JSON.stringify(found)).not.toContain('s3cret');
  });

  test('whose REDIS_URL_FILE has a wrong password is a failure, which names the file', async () => {
    const path = join(world.directory, 'redis-url');
    writeFileSync(path, `redis://nobody:s3cret@127.0.0.1:${redis.port}`);
    expect(await wrongs({ REDIS_URL: '', REDIS_URL_FILE: path })).toMatchObject([
      { check: 'redis', fix: expect.stringContaining('the file of REDIS_URL_FILE') },
    ]);
  });

  test('that hangs is a failure, which names the cause', async () => {
    const server = await aRedis();
    server.freeze();
    expect(await wrongs({ REDIS_URL: server.url })).toMatchObject([
      { check: 'redis', detail: expect.stringContaining('gives no answer (timeout)') },
    ]);
    server.thaw();
  });

  test('that is something else is a failure', async () => {
    const url = await listen(createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n')));
    expect(await wrongs({ REDIS_URL: url })).toMatchObject([
      {
        check: 'redis',
        detail: "what answers there does not speak Redis's protocol",
        fix: expect.stringContaining('Correct host and port'),
      },
    ]);
  });

  test('that is too old is a failure', async () => {
    const url = await listen(aPretender('5.0.7'));
    expect(await wrongs({ REDIS_URL: url })).toContainEqual(
      expect.objectContaining({
        check: 'redis',
        status: 'failed',
        detail: 'Redis 5.0.7 is too old: 6.2 or newer is needed.',
      }),
    );
  });

  test('whose clock is another is a failure', async () => {
    const url = await listen(aPretender('7.0.0', 60));
    expect(await wrongs({ REDIS_URL: url })).toMatchObject([
      {
        check: 'redis.clock',
        status: 'failed',
        detail: expect.stringMatching(
          /clock is (5\ds|1m00s) behind Redis's: a replica here takes no turns/,
        ),
      },
    ]);
  });

  test('that REDIS_URL names as a Cluster, but is not one, is a failure', async () => {
    const url = redis.url.replace('redis:', 'redis+cluster:');
    expect(await wrongs({ REDIS_URL: url })).toMatchObject([
      { check: 'redis', fix: 'Name it with redis://.' },
    ]);
  });
});

describe('a Redis that takes tokens of Entra', () => {
  /** Without CONFIG, and without an append-only file. */
  async function aFront(verify: Verify = verifyToken): Promise<Record<string, string>> {
    const identity = await createServerIdentity();
    const trusted = join(world.directory, 'ca-of-redis.pem');
    writeFileSync(trusted, `${world.simulator.caCertificate}\n${identity.ca}`);
    const front = new EntraFront(await aRedis('--appendonly', 'no'), identity, verify);
    await front.start();
    onTestFinished(() => front.stop());
    return {
      NODE_EXTRA_CA_CERTS: trusted,
      REDIS_URL: `rediss://localhost:${front.port}`,
      REDIS_AUTH: 'entra',
      REDIS_ENTRA_CLIENT_ID: CLIENT,
      REDIS_ENTRA_TENANT_ID: TENANT,
      REDIS_ENTRA_CLIENT_SECRET: DEFAULT_SECRET,
    };
  }

  test("is asked as a replica would, and warned of with the portal's setting", async () => {
    const over = await aFront();
    expect(await wrongs(over)).toMatchObject([
      { check: 'redis.persistence', status: 'warning', fix: expect.stringContaining('portal') },
    ]);
    const { stdout } = await cli(['check'], env(over));
    const line = `ok       redis.token: a token of Entra for Redis, as user ${objectIdOf(CLIENT)}\n`;
    expect(stdout).toContain(line);
    expect(stdout).not.toContain('eyJ');
  });

  test('but not those of this identity is a failure, which names what gives it access', async () => {
    expect(await wrongs(await aFront(() => null))).toMatchObject([
      {
        check: 'redis',
        detail: expect.stringContaining('WRONGPASS'),
        fix: expect.stringContaining('object id'),
      },
    ]);
  });

  test('but of another user than REDIS_URL names is a failure, which names the user', async () => {
    const over = await aFront();
    const url = String(over.REDIS_URL).replace('//', '//somebody@');
    expect(await wrongs({ ...over, REDIS_URL: url })).toMatchObject([
      { check: 'redis', fix: expect.stringContaining('REDIS_URL names the user somebody') },
    ]);
  });

  test('is not asked without one', async () => {
    const over = { ...(await aFront()), REDIS_ENTRA_CLIENT_SECRET: 'the-id-of-the-secret' };
    expect(await wrongs(over)).toMatchObject([
      {
        check: 'redis.token',
        status: 'failed',
        detail: expect.stringMatching(/^no token for Redis: AADSTS7000215/),
      },
    ]);
  });
});

test('a database that Redis does not have is a warning', async () => {
  const server = await aRedis('--databases', '1');
  expect(await wrongs({ REDIS_URL: `${server.url}/1` })).toMatchObject([
    {
      check: 'redis.database',
      status: 'warning',
      detail: 'this Redis has no database of that number: Callkeeper uses database 0',
    },
  ]);
  expect(await wrongs({ REDIS_URL: `${redis.url}/1` })).toEqual([]);
});

describe('Entra', () => {
  test('that is down is a failure, and Graph is reached all the same', async () => {
    await world.simulator.entraDown();
    const ended = await cli(['check', '--json'], env());
    expect(ended.code).toBe(1);
    expect(report(ended).findings.slice(-3)).toMatchObject([
      { check: 'token', status: 'failed', detail: expect.stringContaining('ECONNREFUSED') },
      { check: 'graph', status: 'ok', detail: expect.stringContaining('requires a token') },
      { check: 'graph.clock', status: 'ok' },
    ]);
  });

  test('that refuses the secret is a failure, which says what to look at', async () => {
    expect(await wrongs({ AZURE_CLIENT_SECRET: 'the-id-of-the-secret' })).toMatchObject([
      {
        check: 'token',
        subject: 'default',
        detail: expect.stringContaining('AADSTS7000215'),
        fix: expect.stringContaining("secret's value, not its id"),
      },
    ]);
  });

  test.each([
    [[], 'the token holds no role at all'],
    [['User.Read.All'], 'the token holds only User.Read.All'],
  ])('that gives a token with the roles %j is a failure', async (roles, detail) => {
    world.simulator.grantRoles(roles);
    expect(await wrongs()).toMatchObject([
      { check: 'permission', status: 'failed', detail, fix: expect.stringContaining('Grant') },
    ]);
  });

  test('that could not be asked, as the certificate cannot be used, is a fault of the environment', async () => {
    const file = join(world.directory, 'app.pem');
    writeFileSync(file, 'not a certificate');
    const over = { AZURE_CLIENT_SECRET: '', AZURE_CLIENT_CERTIFICATE_PATH: file };
    const ended = await cli(['check', '--json'], env(over));
    expect(ended.code).toBe(2);
    expect(report(ended).findings).toMatchObject([
      {
        check: 'configuration',
        status: 'failed',
        detail: `AZURE_CLIENT_CERTIFICATE_PATH: ${file} holds no certificate with its private key: it is neither PEM nor PFX`,
      },
    ]);
  });

  test('whose CA is unknown is a failure, which says where to name it', async () => {
    expect(await wrongs({ NODE_EXTRA_CA_CERTS: '' })).toMatchObject([
      { check: 'token', fix: expect.stringContaining('NODE_EXTRA_CA_CERTS') },
    ]);
  });
});

describe('Graph', () => {
  test('that is down is a failure', async () => {
    await world.simulator.graphDown();
    expect(await wrongs()).toMatchObject([
      { check: 'graph', status: 'failed', detail: expect.stringContaining('ECONNREFUSED') },
    ]);
  });

  test.each([
    ['a page of a proxy', { kind: 'html404' }, 'Something other than Graph answers'],
    ['a 200', { kind: 'status', status: 200 }, 'Something other than Graph answers'],
    ['a login page', { kind: 'html200' }, 'Something other than Graph answers'],
    [
      'a redirect to a login page',
      { kind: 'status', status: 302, headers: { location: 'https://x/' } },
      'Something other than Graph answers',
    ],
    ['a 404 of a gateway', { kind: 'gateway404' }, 'it must lead to Graph itself'],
    ['a 404 that is not 8522', { kind: 'unknown404' }, 'it must lead to Graph itself'],
    ['a 404 for its version', graphs(404, 'BadRequest'), 'it must lead to Graph itself'],
    ['a 503', graphs(503, 'serviceUnavailable'), 'Graph fails or is overloaded'],
    ['a 401', graphs(401, 'InvalidAuthenticationToken'), 'Graph refuses the token'],
    ['a 403', graphs(403, '7503'), 'Grant the app'],
  ] as const)('that answers %s for an unknown call is a failure', async (_, fault, fix) => {
    world.simulator.graphFaults.set(fault);
    expect(await wrongs()).toMatchObject([
      { check: 'graph', status: 'failed', fix: expect.stringContaining(fix) },
    ]);
  });

  test.each([
    ['html200', /answered 200 .*with the code 8522: foreign: 200 without Graph's request-id/],
    ['html404', /answered 404 .*with the code 8522: foreign: 404 without Graph's request-id/],
    ['unknown404', /answered 404 .*with the code 8522: UnknownError: 404 page not found/],
  ] as const)('that is replaced by %s is reported with the code', async (kind, detail) => {
    world.simulator.graphFaults.set({ kind });
    expect(await wrongs()).toContainEqual(
      expect.objectContaining({ check: 'graph', detail: expect.stringMatching(detail) }),
    );
  });

  test('of the version beta is as good', async () => {
    const base = world.simulator.graphBaseUrl.replace('v1.0', 'beta');
    expect(await wrongs({ GRAPH_BASE_URL: base })).toEqual([]);
  });

  test.each([
    // Less the time that the answer took.
    [60_000, 'warning', /clock is (5\ds|1m00s) behind Graph's$/],
    [-3_600_000, 'failed', /clock is (59m|1h00m)\S* ahead of Graph's: Entra refuses/],
  ])('whose clock is %i ms ahead is a %s', async (aheadMs, status, detail) => {
    world.simulator.graphFaults.set({ kind: 'skew', aheadMs });
    expect(await wrongs()).toMatchObject([
      { check: 'graph.clock', status, detail: expect.stringMatching(detail) },
    ]);
  });
});

test('check ends although nothing answers', async () => {
  const server = await aRedis();
  server.freeze();
  world.simulator.graphFaults.set({ kind: 'hang' });
  world.simulator.entraFaults.set({ kind: 'hang' });
  // The limits of time follow from these.
  const quick = { KEEPALIVE_INTERVAL: '4s', KEEPALIVE_DEADLINE: '12s' };
  expect(await wrongs({ ...quick, REDIS_URL: server.url })).toMatchObject([
    { check: 'redis', status: 'failed' },
    { check: 'token', status: 'failed', detail: expect.stringContaining('no answer in') },
    { check: 'graph', status: 'failed', detail: expect.stringContaining('no answer in') },
  ]);
});

test('a misspelt variable is a warning, and a failure with --strict', async () => {
  const args = ['check', '--environment'];
  const misspelt = env({ KEEPALIVE_INTERVL: '5m' });
  const { code, stdout } = await cli(args, misspelt);
  expect(stdout).toContain('warning  configuration: KEEPALIVE_INTERVL in the environment is not');
  expect(stdout).toContain('did you mean KEEPALIVE_INTERVAL?');
  expect(code).toBe(0);
  expect((await cli([...args, '--strict'], misspelt)).code).toBe(1);
});

test('check lists all faults of an environment that serve would refuse, with exit code 2', async () => {
  const bad = env({ AZURE_TENANT_ID: 'contoso', PORT: 'http' });
  const { code, stderr } = await cli(['check'], bad);
  expect(code).toBe(2);
  expect(stderr).toContain('  - AZURE_TENANT_ID must be a GUID, not "contoso"\n');
  const json = await cli(['check', '--json'], bad);
  expect(json.code).toBe(2);
  expect(report(json)).toMatchObject({
    ok: false,
    findings: [{ check: 'configuration' }, { check: 'configuration' }],
  });
});

/** Of Graph's own gateway: its request id is with each answer. */
function graphs(status: number, code: string) {
  const body = JSON.stringify({ error: { code, message: 'No.', innerError: {} } });
  return { kind: 'status', status, body } as const;
}

/** What a Redis says that is of another version, or has another clock, in s. */
function aPretender(version: string, aheadS = 0): Server {
  const lines = [
    `redis_version:${version}`,
    'loading:0',
    'maxmemory_policy:noeviction',
    'aof_enabled:1',
    'aof_last_write_status:ok',
  ];
  const info = `${lines.join('\r\n')}\r\n`;
  const answer = (command: string) => {
    const now = String(Math.floor(Date.now() / 1_000) + aheadS);
    if (command === 'INFO') return `$${info.length}\r\n${info}\r\n`;
    if (command === 'TIME') return `*2\r\n$${now.length}\r\n${now}\r\n$1\r\n0\r\n`;
    return command === 'HELLO' ? '-ERR unknown command `HELLO`\r\n' : '+OK\r\n';
  };
  return createServer((socket) => {
    socket.on('error', () => undefined);
    // Commands come as arrays of bulk strings: `*1\r\n$4\r\nINFO\r\n`; no argument has a *.
    socket.setEncoding('utf8').on('data', (text: string) => {
      for (const [, command = ''] of text.matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        socket.write(answer(command.toUpperCase()));
      }
    });
  });
}
