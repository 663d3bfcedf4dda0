import pino from 'pino';
import { expect, test } from 'vitest';
import type { Outcome } from '../../src/calls/outcome.ts';
import { slotOf, turnAfter } from '../../src/calls/wheel.ts';
import { Watch } from '../../src/schedule/watch.ts';
import {
  aCall,
  anError,
  aWorld,
  MINUTE,
  NOW,
  refused,
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
async function twoReplicas(answer: (at: number, one: World) => Outcome | Promise<Outcome>) {
  const one = aWorld();
  const { clock, redis, put } = one;
  const other = aWorld({ redis, clock });
  one.graph.answer = (_, at) => answer(at, one);
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
])('a call lives if one replica %s and another one can reach Graph', async (_, error, afterMs) => {
  const { one, other } = await twoReplicas(async (at, { clock }) => {
    if (afterMs > 0) await clock.sleep(afterMs);
    return failedBy(error, at);
  });
  expect(other.graph.sent.length).toBeGreaterThan(0);
  expect(one.get(ID)?.renewedAt).toBeGreaterThan(NOW + 10 * MINUTE);
});

test.each([
  ['throttled', (at: number) => throttled(at, 3 * MINUTE)],
  ['refused', (at: number) => refused(at)],
])(
  'a call lives if Graph has %s one replica up to shortly before its deadline',
  async (_, answer) => {
    const { one, other } = await twoReplicas((at) => answer(at));
    const [first] = other.graph.sent;
    expect(first?.at).toBeGreaterThan(NOW + 20 * MINUTE);
    expect(one.get(ID)?.renewedAt).toBe(first?.at);
  },
);

test('an attempt that Graph itself has throttled is left to the replica that made it', async () => {
  const { one, other } = await twoReplicas((at) =>
    at < NOW + 20 * MINUTE ? throttled(at, 3 * MINUTE) : renewed(at),
  );
  expect(other.graph.sent).toEqual([]);
  expect(one.get(ID)?.consecutiveFailures).toBe(0);
});
