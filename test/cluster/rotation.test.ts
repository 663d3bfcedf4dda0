import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createServerIdentity } from '../../src/simulator/certificate.ts';
import { freePort } from '../free-port.ts';
import { World } from '../process/world.ts';
import { RedisServer } from '../redis/redis-server.ts';

const SOON = { timeout: 60_000, interval: 100 };
const PACE = { KEEPALIVE_INTERVAL: '20s', KEEPALIVE_DEADLINE: '60s' };

async function aWorld(): Promise<World> {
  const world = await new World().start();
  onTestFinished(() => world.stop());
  return world;
}

/** A Cluster of one node, as Azure's: TLS, announced by address, with a certificate for a name only. */
async function aCluster(world: World): Promise<{ node: RedisServer; port: number }> {
  const { ca, certificate, key } = await createServerIdentity([{ type: 2, value: 'localhost' }]);
  const file = (name: string, text: string) => {
    writeFileSync(join(world.directory, name), text);
    return join(world.directory, name);
  };
  appendFileSync(join(world.directory, 'ca.pem'), `\n${ca}`);
  const port = await freePort();
  const node = new RedisServer([
    ...['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
    ...['--tls-port', `${port}`, '--tls-cluster', 'yes', '--tls-auth-clients', 'no'],
    ...['--tls-cert-file', file('redis.pem', certificate)],
    ...['--tls-key-file', file('redis.key', key)],
    ...['--tls-ca-cert-file', file('redis-ca.pem', ca)],
  ]);
  onTestFinished(() => node.stop());
  await node.start();
  await node.client.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
  await expect.poll(() => node.client.cluster('INFO'), SOON).toContain('cluster_state:ok');
  return { node, port };
}

test('a replica at a Cluster like Azure stays connected when its user and password change', async () => {
  const world = await aWorld();
  const { node, port } = await aCluster(world);
  const allow = (user: string, password: string) =>
    node.client.acl('SETUSER', user, 'on', `>${password}`, '~*', '&*', '+@all', '-config', '-acl');
  await allow('ours-a', 'old-one');
  const path = join(world.directory, 'redis-url');
  const write = (user: string) => {
    world.replaceFile(path, `rediss+cluster://${user}@localhost:${port}`);
  };
  write('ours-a:old-one');
  const replica = await world.replica({ ...PACE, REDIS_URL_FILE: path }).ready();
  const readiness = async () => (await replica.request('GET', '/readyz')).status;
  await expect.poll(readiness, SOON).toBe(200);
  /** Without what ioredis opens for a moment, to read the nodes' hash slots. */
  const connections = async () =>
    [
      ...String(await node.client.client('LIST')).matchAll(
        /^id=(\d+) .* name=(\S*) .* user=(ours-\w)/gm,
      ),
    ]
      .filter(([, , name = '']) => !name.includes('refresher'))
      .map(([, id, name = '', user]) => ({ id, name, user }));
  // For commands (two), the event feed, and a worker (two), of which BullMQ names one when it is
  // connected. Until then there are others, which are closed again.
  const names = async () => (await connections()).map(({ name }) => name).toSorted();
  await expect
    .poll(names, SOON)
    .toEqual([
      'callkeeper',
      'callkeeper',
      'callkeeper-blocking',
      'callkeeper-blocking',
      expect.stringMatching(/^\{callkeeper:1\}:/),
    ]);
  const before = (await connections()).map(({ id }) => id);
  await allow('ours-b', 'new-one');
  write('ours-b:new-one');
  await expect
    .poll(async () => [...new Set((await connections()).map(({ user }) => user))], SOON)
    .toEqual(['ours-b']);
  await node.client.acl('DELUSER', 'ours-a');
  const after = (await connections()).map(({ id }) => id);
  expect(after).toEqual(expect.arrayContaining(before));
  expect(await readiness()).toBe(200);
  expect(replica.output).not.toContain('Redis does not serve');
  for (const secret of ['old-one', 'new-one']) expect(replica.output).not.toContain(secret);
});
