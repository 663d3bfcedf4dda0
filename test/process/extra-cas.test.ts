import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Simulator } from '../../src/simulator/simulator.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { World } from './world.ts';

const redis = redisForFile();
const SLOW = { timeout: 90_000 };
const PATIENCE = { timeout: 40_000, interval: 50 };

test('a replica trusts the CA in .env also if the shell names another one', SLOW, async () => {
  const world = await new World().start();
  onTestFinished(() => world.stop());
  const other = new Simulator();
  await other.start();
  onTestFinished(() => other.stop());
  writeFileSync(join(world.directory, 'other.pem'), other.caCertificate);
  writeFileSync(join(world.directory, '.env'), 'NODE_EXTRA_CA_CERTS=ca.pem\n');
  const env = { REDIS_URL: redis.url, NODE_EXTRA_CA_CERTS: join(world.directory, 'other.pem') };
  const replica = await world.replica(env).ready();
  const id = world.simulator.createCall();
  await replica.request('POST', `/calls/${id}/track`);
  await replica.stored(id);
  // Entra has a certificate of the CA in .env: without a token there is no keepAlive.
  await vi.waitFor(() => expect(world.simulator.ledger.of(id)).not.toEqual([]), PATIENCE);
  expect(await replica.stop()).toBe(0);
});
