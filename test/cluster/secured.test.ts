import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createServerIdentity, type ServerIdentity } from '../../src/simulator/certificate.ts';
import { freePort } from '../free-port.ts';
import { RedisServer } from '../redis/redis-server.ts';

/**
 * Servers that take TLS and one ACL user alone. Which CAs are trusted Node reads
 * as it starts, so each connection is made in a process of its own.
 */
const USER = [
  '--user',
  'callkeeper',
  'on',
  '>p@ss,/',
  '~{callkeeper:*}:*',
  '+@all',
  '-@dangerous',
  '+info',
];
const SCRIPT = `
import { pino } from 'pino';
import { connectFast } from './src/store/connection.ts';
import { diagnose } from './src/store/diagnosis.ts';
import { PROBE_KEY } from './src/store/keys.ts';
const [, url, tlsServername = null] = process.argv;
const options = { url, tlsServername, timeoutMs: 5000, log: pino({ level: 'debug' }) };
const cause = await diagnose(options);
if (cause) {
  console.log(cause.what);
  process.exit();
}
const redis = connectFast(options);
if (redis.status !== 'ready') await new Promise((done) => redis.once('ready', done));
await redis.set(PROBE_KEY, 'kept');
console.log(await redis.get(PROBE_KEY), await redis.get('forbidden').catch((e) => e.message));
redis.disconnect();
`;

let directory = '';
let tls: string[] = [];
/** With a certificate for a name, and no address. */
let tlsByName: string[] = [];
const started: RedisServer[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'callkeeper-tls-'));
  const both = await createServerIdentity();
  const byName = await createServerIdentity([{ type: 2, value: 'localhost' }]);
  tls = await tlsOptions('both', both);
  tlsByName = await tlsOptions('by-name', byName);
  await aFile('ca.pem', `${both.ca}\n${byName.ca}`);
});

async function aFile(name: string, text: string): Promise<string> {
  await writeFile(join(directory, name), text);
  return join(directory, name);
}

async function tlsOptions(name: string, { ca, certificate, key }: ServerIdentity) {
  return [
    ...['--tls-cert-file', await aFile(`${name}.pem`, certificate)],
    ...['--tls-key-file', await aFile(`${name}.key`, key)],
    ...['--tls-ca-cert-file', await aFile(`${name}-ca.pem`, ca), '--tls-auth-clients', 'no'],
  ];
}

afterAll(async () => {
  await Promise.all(started.map((server) => server.stop()));
  await rm(directory, { recursive: true, force: true });
});

async function start(options: string[], sentinel: string | null = null): Promise<RedisServer> {
  const server = new RedisServer(options, sentinel);
  started.push(server);
  await server.start();
  return server;
}

async function answerOf(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', SCRIPT, ...args],
    {
      cwd: new URL('../..', import.meta.url).pathname,
      env: { ...process.env, NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem') },
      timeout: 60_000,
    },
  );
  expect(stdout).not.toContain('p@ss');
  return stdout.trim().split('\n').at(-1) ?? '';
}

const LOGIN = 'callkeeper:p%40ss,%2F';

/** Of one node, which announces its address; gives the port for TLS. */
async function aCluster(certificate: readonly string[]): Promise<number> {
  const port = await freePort();
  const node = await start([
    ...['--cluster-enabled', 'yes'],
    // It has met nobody that would tell it its address.
    ...['--cluster-announce-ip', '127.0.0.1'],
    ...['--tls-port', `${port}`, '--tls-cluster', 'yes', ...certificate, ...USER],
  ]);
  await node.client.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
  await expect
    .poll(() => node.client.cluster('INFO'), { timeout: 15_000 })
    .toContain('cluster_state:ok');
  await node.client.acl('SETUSER', 'default', 'off');
  return port;
}

const ANSWER = /^kept NOPERM .+ keys/;

describe('with TLS and an ACL user', () => {
  test('a Cluster is reached, and nobody else is let in', async () => {
    const port = await aCluster(tls);
    expect(await answerOf(`rediss+cluster://${LOGIN}@127.0.0.1:${port}`)).toMatch(ANSWER);
  });

  test('a Cluster that announces addresses may have certificates for the name in the URL', async () => {
    const port = await aCluster(tlsByName);
    expect(await answerOf(`rediss+cluster://${LOGIN}@localhost:${port}`)).toMatch(ANSWER);
  });

  test('a Cluster that is named by address is reached with the name of its certificate', async () => {
    const port = await aCluster(tlsByName);
    const url = `rediss+cluster://${LOGIN}@127.0.0.1:${port}`;
    expect(await answerOf(url, 'localhost')).toMatch(ANSWER);
    const wrong = "Redis's certificate is for DNS:localhost, not for";
    expect(await answerOf(url)).toBe(`${wrong} 127.0.0.1`);
    const byName = `rediss+cluster://${LOGIN}@localhost:${port}`;
    expect(await answerOf(byName, 'another.example')).toBe(`${wrong} another.example`);
  });

  test('one server is reached with the name of its certificate', async () => {
    const port = await freePort();
    const server = await start(['--tls-port', `${port}`, ...tlsByName, ...USER]);
    await server.client.ping();
    expect(await answerOf(`rediss://${LOGIN}@127.0.0.1:${port}`, 'localhost')).toMatch(ANSWER);
  });

  test('the master of a Sentinel group is reached, with other credentials for the Sentinel', async () => {
    const [port, sentinelPort] = [await freePort(), await freePort()];
    const master = await start(['--tls-port', `${port}`, ...tls, ...USER]);
    await start(
      ['--tls-port', `${sentinelPort}`, '--tls-replication', 'yes', ...tls],
      [
        `sentinel monitor calls 127.0.0.1 ${port} 1`,
        'sentinel auth-user calls default',
        'user watcher on >other +@all ~* &*',
        '',
      ].join('\n'),
    );
    await master.client.ping();
    const url = `rediss+sentinel://callkeeper:p%40ss,%2F@127.0.0.1:${sentinelPort}/calls`;
    const access = '?sentinelUsername=watcher&sentinelPassword=other';
    expect(await answerOf(`${url}${access}`)).toMatch(ANSWER);
  });
});
