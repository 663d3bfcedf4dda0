import pino from 'pino';
import { expect, test } from 'vitest';
import type { Outcome } from '../../src/calls/outcome.ts';
import { slotOf, turnAfter } from '../../src/calls/wheel.ts';
import { Watch } from '../../src/schedule/watch.ts';
import {
  aCall,
  anError,
  aWorld,
  DEADLINE_MS,
  MINUTE,
  NOW,
  renewed,
  SECOND,
  throttled,
  WHEEL,
} from '../calls/fixture.ts';

const ID = 'call-0001';
const GRACE_MS = 45 * SECOND;

type World = ReturnType<typeof aWorld>;

function startWatch(world: World): void {
  const { wheel, timings, clock, slots, visitor, keeper } = world;
  new Watch({
    ...{ wheel, timings, clock, slots, visitor, keeper },
    graceMs: GRACE_MS,
    retryGraceMs: GRACE_MS,
    isUp: () => true,
    lock: async () => true,
    onMissed: () => undefined,
    log: pino({ level: 'silent' }),
  }).start();
}

/** Two replicas with one Redis, up to a call's third turn. The first one visits its slot. */
async function twoReplicas(
  answer: (at: number, one: World) => Outcome | Promise<Outcome>,
  answerOther: (at: number) => Outcome = renewed,
  behindMs = 0,
) {
  const one = aWorld();
  const { clock, redis, put } = one;
  const other = aWorld({ redis, clock });
  one.graph.answer = (_, at) => answer(at, one);
  other.graph.answer = (_, at) => answerOther(at);
  const read = other.registry.read.bind(other.registry);
  other.registry.read = async (ids) => {
    if (behindMs > 0) await clock.sleep(behindMs);
    return read(ids);
  };
  const firstTurnAt = turnAfter(slotOf(ID, WHEEL), NOW, WHEEL);
  const renewedAt = firstTurnAt - WHEEL.intervalMs + 100;
  put(aCall({ id: ID, trackedAt: renewedAt - MINUTE, renewedAt }));
  for (const world of [one, other]) startWatch(world);
  const { signal } = new AbortController();
  await clock.advance(firstTurnAt - clock.now());
  for (const turnAt of [firstTurnAt, firstTurnAt + WHEEL.intervalMs]) {
    void one.visitor.visitSlot(slotOf(ID, WHEEL), turnAt, signal);
    await clock.advance(WHEEL.intervalMs - 1);
  }
  return { one, other };
}

const failedBy = (error: Parameters<typeof anError>[0], sentAt: number | null): Outcome => ({
  kind: 'failed',
  sentAt,
  error: anError(error),
});

test.each([
  ['is refused a connection', { status: null, code: 'ECONNREFUSED' }, 0],
  ['gets no answer in time', { status: null, code: 'timeout' }, 15 * SECOND],
  ['has no token', { status: null, code: 'token' }, 0],
  ['does not know the app', { status: null, code: 'app' }, 0],
  ['gets answers of its proxy', { status: 502, code: 'foreign' }, 0],
  ['has an old secret', { status: 401, code: 'token' }, 0],
  ['is refused because of its address', { status: 403, code: 'Forbidden' }, 0],
])('a call lives if one replica %s and another one can reach Graph', async (_, error, afterMs) => {
  const { one, other } = await twoReplicas(async (at, { clock }) => {
    if (afterMs > 0) await clock.sleep(afterMs);
    return failedBy(error, at);
  });
  expect(other.graph.sent.length).toBeGreaterThan(0);
  expect(one.get(ID)?.renewedAt).toBeGreaterThan(NOW + 10 * MINUTE);
});

test('a call lives if Graph throttles one replica up to shortly before the deadline', async () => {
  const { one, other } = await twoReplicas((at) => throttled(at, 3 * MINUTE));
  const [first] = other.graph.sent;
  expect(first?.at).toBeGreaterThan(NOW + 20 * MINUTE);
  expect(one.get(ID)?.renewedAt).toBe(first?.at);
});

test.each([0, 300])(
  'after an outage for both, a call lives if only the replica that reads %i ms late reaches Graph',
  async (behindMs) => {
    const { one, other } = await twoReplicas(
      (at) => failedBy({ status: null, code: 'ECONNREFUSED' }, at),
      (at) =>
        at < NOW + 12 * MINUTE ? failedBy({ status: null, code: 'timeout' }, at) : renewed(at),
      behindMs,
    );
    expect(one.get(ID)?.renewedAt).toBeGreaterThan(NOW + 12 * MINUTE);
    const successes = other.graph.sent.filter(({ at }) => at >= NOW + 12 * MINUTE);
    expect(successes.length).toBeLessThan(6);
  },
);

test('an attempt that Graph itself has throttled is left to the replica that made it', async () => {
  const { one, other } = await twoReplicas((at) =>
    at < NOW + 20 * MINUTE ? throttled(at, 3 * MINUTE) : renewed(at),
  );
  expect(other.graph.sent).toEqual([]);
  expect(one.get(ID)?.consecutiveFailures).toBe(0);
});

test('another replica tries a new call whose deadline is near, before that deadline', async () => {
  const one = aWorld();
  const { clock, redis } = one;
  const other = aWorld({ redis, clock });
  one.graph.answer = (_, at) => failedBy({ status: null, code: 'app' }, at);
  const call = aCall({ id: ID, trackedAt: NOW, startedAt: NOW + 30 * SECOND - DEADLINE_MS });
  for (const { put } of [one, other]) put(call);
  one.keeper.keep([ID]);
  other.keeper.plan([[ID, call]], GRACE_MS); // as after the event of its tracking
  await clock.advance(30 * SECOND);
  expect(other.graph.sent.length).toBeGreaterThan(0);
  expect(one.get(ID)?.renewedAt).toBeLessThan(NOW + 30 * SECOND);
});
