import { beforeEach, expect, test } from 'vitest';
import { RedisDeliveryOrder } from '../../src/store/delivery-order.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { fast } from '../store/fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

test('events of one ms keep their order, however many: Redis’s clock may have been set back', async () => {
  const order = new RedisDeliveryOrder(await fast(server));
  const callId = 'call-0001';
  const places = [0, 9, 998, 999, 1_000, 9_999, 10_000, 123_456].map((n) => `1770091506789-${n}`);
  await order.append(
    places
      .toReversed()
      .map((place) => ({ callId, jobId: `job ${place}`.replace(' ', '_'), place })),
  );
  const found: string[] = [];
  for (let first = await order.first(callId); first; first = await order.first(callId)) {
    found.push(first.jobId);
    await order.remove(callId, first.jobId);
  }
  expect(found).toEqual(places.map((place) => `job_${place}`));
});
