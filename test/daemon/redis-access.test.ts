import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { buildRedisTokens } from '../../src/daemon/redis-access.ts';
import { createServerIdentity } from '../../src/simulator/certificate.ts';
import { trust } from '../graph/fixtures.ts';
import { realClock, SOON, silent } from '../store/fixture.ts';

const HOUR_MS = 3_600_000;
const TENANT = '11111111-1111-4111-8111-111111111111';

/** Takes requests, and answers none. */
async function aMuteEntra() {
  const requests: IncomingMessage[] = [];
  const { ca, certificate: cert, key } = await createServerIdentity();
  trust(ca);
  const server = createServer({ cert, key }, (request) => void requests.push(request));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { requests, port: (server.address() as AddressInfo).port };
}

test('a stop aborts the token request that is under way', async () => {
  const { requests, port } = await aMuteEntra();
  const tokens = buildRedisTokens({
    config: {
      redisUrl: 'rediss://redis.example',
      redisEntra: {
        scope: 'https://redis.azure.com/.default',
        identity: {
          name: 'Redis',
          cloud: 'global',
          tenantId: TENANT,
          clientId: TENANT,
          authorityHost: `https://localhost:${port}`,
          credential: { kind: 'secret', secret: { value: 'secret' } },
        },
      },
      proxy: { http: null, https: null, no: null },
    },
    timeouts: {
      connectMs: HOUR_MS,
      headersMs: HOUR_MS,
      bodyMs: HOUR_MS,
      totalMs: HOUR_MS,
      tokenMs: HOUR_MS,
    },
    clock: realClock,
    random: Math.random,
    userAgent: 'test',
    log: silent,
    requested: () => undefined,
  });
  tokens?.credentials.start();
  await vi.waitFor(() => expect(requests).toHaveLength(1), SOON);
  expect(tokens?.credentials.fault?.what).toBe('no token for Redis: waiting for the first one');
  const { socket } = requests[0] as IncomingMessage;
  socket.on('error', () => undefined); // a reset is an end too
  const aborted = new Promise((resolve) => socket.once('close', resolve));
  await tokens?.stop();
  await aborted;
  await tokens?.stop();
});
