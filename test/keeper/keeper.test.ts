import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import type { Outcome } from '../../src/calls/outcome.ts';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { inTenant } from '../../src/calls/record-changes.ts';
import { encodeRecord } from '../../src/store/record-codec.ts';
import {
  aCall,
  anError,
  aRemovedCall,
  aWorld,
  DEADLINE_MS,
  ended,
  failed,
  idle,
  idsOf,
  MINUTE,
  NOW,
  POLICY,
  recordOf,
  refused,
  renewed,
  SECOND,
  TENANT,
  throttled,
  WHEEL,
  type WorldOptions,
} from '../calls/fixture.ts';
import { seeded } from '../faults/chance.ts';

const ID = 'call-0001';
const OTHER_TENANT = '99999999-9999-4999-8999-999999999999';

/** So many calls that are due, in a world whose lane is known to be well. */
async function due(count = 1, more: Partial<Call> = {}, over: WorldOptions = {}) {
  const world = aWorld(over);
  const calls = Array.from({ length: count }, (_, i) =>
    aCall({
      id: `call-${String(i + 1).padStart(4, '0')}`,
      trackedAt: NOW - 20 * MINUTE,
      renewedAt: NOW - 15 * MINUTE,
      ...more,
    }),
  );
  world.put(...calls);
  return { ...world, calls };
}

/** The call after its bot has stopped it. */
const stopped = (call: Call) => aRemovedCall({ ...call, state: 'untracked', reason: 'request' });

/** In bytes, without garbage. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

const hang = () => new Promise<never>(() => undefined);

describe('the keeper', () => {
  test('posts a call and writes that it was renewed when the request was sent', async () => {
    const { keeper, get, graph, clock, quiet, calls } = await due();
    graph.answer = async (_, at) => {
      await clock.sleep(9 * SECOND);
      return renewed(at);
    };
    keeper.keep(idsOf(calls));
    await quiet();
    expect(get(ID)).toMatchObject({ renewedAt: NOW, retryAt: null });
  });

  test('has one request of a call in flight, however often it is handed in', async () => {
    const { keeper, graph, quiet, calls } = await due();
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      await gate.promise;
      return renewed(at);
    };
    for (let i = 0; i < 5; i++) keeper.keep(idsOf(calls));
    await idle();
    for (let i = 0; i < 5; i++) keeper.keep(idsOf(calls));
    gate.resolve();
    await quiet();
    expect(graph.ids).toEqual([ID]);
  });

  test('drops a call at once when Graph says that it is over, and reports it once', async () => {
    const { keeper, removed, graph, told, quiet, calls } = await due();
    graph.answer = (_, at) => ended(at);
    keeper.keep(idsOf(calls));
    await quiet();
    expect(removed(ID)).toMatchObject({ state: 'ended', lastError: { code: '8522' } });
    expect(told.removals).toEqual([{ id: ID, removal: 'ended' }]);
  });

  test('retries a failing call when its record says, not before', async () => {
    const { keeper, graph, clock, quiet, calls } = await due();
    graph.answer = (_, at) => (graph.sent.length === 1 ? throttled(at, 90 * SECOND) : renewed(at));
    keeper.keep(idsOf(calls));
    await quiet();
    await clock.advance(89 * SECOND);
    expect(graph.sent).toHaveLength(1);
    await clock.advance(2 * SECOND);
    expect(graph.sent).toHaveLength(2);
  });

  test('tries until the deadline, says once that the call is at risk, and then gives it up', async () => {
    const { keeper, removed, graph, told, clock, calls } = await due();
    graph.answer = (_, at) => failed(at);
    keeper.keep(idsOf(calls));
    await clock.advance(31 * MINUTE);
    expect(removed(ID)?.state).toBe('expired');
    expect(told.risks).toEqual([ID]);
    expect(told.removals).toEqual([{ id: ID, removal: 'expired' }]);
    expect(graph.sent.at(-1)?.at).toBeLessThanOrEqual(NOW + 30 * MINUTE + SECOND);
    expect(graph.sent.length).toBeGreaterThan(20);
  });

  test('leaves alone a call that somebody else has renewed when it looks at it again', async () => {
    const { keeper, put, graph, clock, quiet, calls } = await due();
    graph.answer = (_, at) => failed(at);
    keeper.keep(idsOf(calls));
    await quiet();
    put({ ...(calls[0] as Call), renewedAt: clock.now() });
    await clock.advance(10 * MINUTE);
    expect(graph.sent).toHaveLength(1);
  });

  test('plans a call once, however often its trackUntil is prolonged', async () => {
    const { keeper, put, redis, told, clock, calls } = await due(50, { renewedAt: NOW });
    for (let i = 1; i <= 60; i++) {
      const prolonged = calls.map((call) => ({
        ...call,
        generation: `r1${String(i).padStart(2, '0')}`,
        trackUntil: NOW + 30 * SECOND + i * 1_000,
      }));
      put(...prolonged);
      keeper.plan(prolonged.map((call) => [call.id, call]));
    }
    let reads = 0;
    redis.before = (op) => {
      if (op === 'find') reads++;
    };
    await clock.advance(89 * SECOND);
    expect(told.removals).toEqual([]);
    await clock.advance(2 * SECOND);
    expect(told.removals).toHaveLength(50);
    expect(reads).toBeLessThan(5);
  });

  test('does not stop a call whose tracking was prolonged in that very moment', async () => {
    const { keeper, put, get, redis, told, quiet, calls } = await due(1, { trackUntil: NOW });
    redis.before = (op) => {
      if (op !== 'write') return;
      put({ ...(calls[0] as Call), generation: 'r2', trackUntil: NOW + 60 * MINUTE });
    };
    keeper.keep(idsOf(calls));
    await quiet();
    expect(get(ID)).not.toBeNull();
    expect(told.removals).toEqual([]);
  });

  test('posts again a call that was tracked again while its request was in flight', async () => {
    const { keeper, put, get, graph, clock, quiet, calls } = await due();
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      if (graph.sent.length > 1) return renewed(at);
      await gate.promise;
      return ended(at);
    };
    keeper.keep(idsOf(calls));
    await idle();
    const again = { ...(calls[0] as Call), generation: 'r2', renewedAt: null, trackedAt: NOW };
    put(again);
    keeper.keep(idsOf([again]));
    gate.resolve();
    await quiet();
    await clock.advance(6 * SECOND);
    expect(graph.sent).toHaveLength(2);
    expect(get(ID)?.generation).toBe('r2');
  });

  test.each([
    ['for the first time', { renewedAt: null, trackedAt: NOW }],
    ['in its turn', {}],
  ])(
    'posts a call %s again, if its request fails while Graph names its tenant',
    async (_, more: Partial<Call>) => {
      const { keeper, put, get, graph, clock, quiet, calls } = await due(1, more);
      const gate = Promise.withResolvers<void>();
      graph.answer = async ({ tenantId }, at) => {
        if (tenantId === OTHER_TENANT) return renewed(at);
        await gate.promise;
        return refused(at);
      };
      keeper.keep(idsOf(calls));
      await idle();
      const call = calls[0] as Call;
      const named = { ...call, ...inTenant(call, OTHER_TENANT) };
      put(named);
      keeper.keep(idsOf([named]));
      gate.resolve();
      await quiet();
      await clock.advance(6 * SECOND);
      expect(graph.sent.map(({ call }) => call.tenantId)).toEqual([TENANT, OTHER_TENANT]);
      expect(get(ID)?.renewedAt).toBeGreaterThanOrEqual(NOW);
    },
  );

  test('posts a call again that the bot moves to another app while its request fails', async () => {
    const { keeper, put, graph, clock, quiet, calls } = await due();
    const gate = Promise.withResolvers<void>();
    graph.answer = async ({ app }, at) => {
      if (app === 'second') return renewed(at);
      await gate.promise;
      return failed(at);
    };
    keeper.keep(idsOf(calls));
    await idle();
    const moved = { ...(calls[0] as Call), app: 'second', generation: 'r2' };
    put(moved);
    keeper.keep(idsOf([moved]));
    gate.resolve();
    await quiet();
    await clock.advance(6 * SECOND);
    expect(graph.sent.map(({ call }) => call.app)).toEqual(['default', 'second']);
  });

  test('keeps to the back-off of a call that is tracked again while its request fails', async () => {
    const { keeper, put, graph, clock, quiet, calls } = await due(1, { consecutiveFailures: 5 });
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      await gate.promise;
      return failed(at);
    };
    keeper.keep(idsOf(calls));
    await idle();
    const again = { ...(calls[0] as Call), generation: 'r2' };
    put(again);
    keeper.keep(idsOf([again]));
    gate.resolve();
    await quiet();
    await clock.advance(6 * SECOND);
    expect(graph.sent).toHaveLength(1);
  });

  test('does not raise from the dead a call that was stopped while its request was in flight', async () => {
    const { keeper, put, get, removed, graph, quiet, calls } = await due();
    graph.answer = (_, at) => {
      put(stopped(calls[0] as Call));
      return renewed(at);
    };
    keeper.keep(idsOf(calls));
    await quiet();
    expect(get(ID)).toBeNull();
    expect(removed(ID)?.state).toBe('untracked');
  });

  test('of two replicas does a call no harm, and the newest renewal counts', async () => {
    const { keeper, get, redis, graph, clock, quiet, calls } = await due();
    const other = aWorld({ redis, clock });
    await other.registry.read([ID]);
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      await gate.promise;
      return renewed(at);
    };
    keeper.keep(idsOf(calls));
    await idle();
    clock.set(NOW + 5);
    other.keeper.keep(idsOf(calls));
    await other.quiet();
    gate.resolve();
    await quiet();
    expect(get(ID)?.renewedAt).toBe(NOW + 5);
  });
});

describe('before it sends, the keeper', () => {
  /** All requests but one hang; that one waits behind them. */
  async function behind(over: WorldOptions = {}) {
    const world = await due(2, {}, over);
    const gate = Promise.withResolvers<void>();
    world.graph.answer = async (_, at) => {
      await gate.promise;
      return renewed(at);
    };
    world.keeper.keep(idsOf(world.calls));
    await idle();
    expect(world.graph.ids).toEqual([ID]);
    return { ...world, waiting: world.calls[1] as Call, open: () => gate.resolve() };
  }

  test('looks at the record again: a call that was stopped meanwhile is not posted', async () => {
    const world = await behind();
    world.put(stopped(world.waiting));
    world.open();
    await world.quiet();
    expect(world.graph.ids).toEqual([ID]);
  });

  test('does not post a call that was renewed meanwhile', async () => {
    const world = await behind();
    world.put({ ...world.waiting, renewedAt: NOW - 1 });
    world.open();
    await world.quiet();
    expect(world.graph.ids).toEqual([ID]);
  });

  test('stops a call whose trackUntil has come meanwhile', async () => {
    const world = await behind();
    world.put({ ...world.waiting, generation: 'r2', trackUntil: NOW });
    world.open();
    await world.quiet();
    expect(world.graph.ids).toEqual([ID]);
    expect(world.removed(world.waiting.id)?.state).toBe('untracked');
  });

  test('posts a call in the tenant in which it was tracked meanwhile', async () => {
    const world = await behind();
    world.put({ ...world.waiting, tenantId: OTHER_TENANT, generation: 'r2' });
    world.open();
    await world.quiet();
    expect(world.graph.sent[1]?.call.tenantId).toBe(OTHER_TENANT);
  });

  test('posts a call at once that was moved to another tenant while it waited for a token', async () => {
    const { keeper, put, get, graph, quiet, calls } = await due(1, { renewedAt: null });
    const token = Promise.withResolvers<Outcome>();
    graph.hasToken = ({ tenantId }) => tenantId === OTHER_TENANT;
    graph.token = () => token.promise;
    keeper.keep(idsOf(calls));
    await idle();
    const named = { ...(calls[0] as Call), ...inTenant(calls[0] as Call, OTHER_TENANT) };
    put(named);
    keeper.keep([ID]);
    token.resolve({
      kind: 'refused',
      sentAt: null,
      error: anError({ status: null, code: 'token' }),
    });
    await quiet();
    expect(graph.sent.map(({ call }) => call.tenantId)).toEqual([OTHER_TENANT]);
    expect(get(ID)).toMatchObject({ renewedAt: NOW, lastError: null });
  });

  test('does not post a call that was stopped while it waited for its token', async () => {
    const world = await due();
    const token = Promise.withResolvers<null>();
    let isAtHand = false;
    world.graph.hasToken = () => isAtHand;
    world.graph.token = () => token.promise;
    world.keeper.keep(idsOf(world.calls));
    await idle();
    world.put(stopped(world.calls[0] as Call));
    isAtHand = true;
    token.resolve(null);
    await world.quiet();
    expect(world.graph.ids).toEqual([]);
  });
});

describe('a tenant without a token', () => {
  test('takes no place from others, and its calls fail with the cause', async () => {
    const world = await due(100, {}, { places: 4 });
    const { keeper, put, get, graph, clock } = world;
    const strangers = Array.from({ length: 1_000 }, (_, i) =>
      aCall({ id: `made-up-${i}`, tenantId: `tenant-${i}`, trackedAt: NOW }),
    );
    put(...strangers);
    let asking = 0;
    let mostAsking = 0;
    graph.hasToken = ({ tenantId }) => !tenantId.startsWith('tenant-');
    graph.token = async () => {
      mostAsking = Math.max(mostAsking, ++asking);
      await clock.sleep(10 * SECOND);
      asking--;
      return { kind: 'refused', sentAt: null, error: anError({ status: null, code: 'token' }) };
    };
    keeper.keep(idsOf(strangers));
    keeper.keep(idsOf(world.calls));
    await idle();
    expect(graph.ids.every((id) => id.startsWith('call-'))).toBe(true);
    await clock.advance(SECOND);
    expect(graph.sent).toHaveLength(100);
    await clock.advance(60 * SECOND);
    expect(mostAsking).toBeLessThanOrEqual(4);
    const failing = strangers.filter(({ id }) => get(id)?.consecutiveFailures === 1);
    expect(failing.length).toBeGreaterThan(0);
    // At the slow pace of a refusal from the first time on.
    for (const { id } of failing) {
      expect((get(id)?.retryAt ?? 0) - NOW).toBeGreaterThan(4 * MINUTE);
    }
  });

  test('is asked for once for all of its calls, with the nearest of their deadlines', async () => {
    const { keeper, put, graph, quiet } = aWorld();
    const calls = Array.from({ length: 50 }, (_, i) =>
      aCall({ id: `call-${1_000 + i}`, trackedAt: NOW - (i * MINUTE) / 2 }),
    );
    put(...calls);
    let isAtHand = false;
    const asked: number[] = [];
    const gate = Promise.withResolvers<void>();
    graph.hasToken = () => isAtHand;
    graph.token = async (call, leftMs) => {
      asked.push(leftMs);
      if (call.app === 'default') await gate.promise;
      isAtHand = true;
      return null;
    };
    // Behind one of another tenant of the app, as there is one request at first.
    put(aCall({ id: 'first-0001', tenantId: OTHER_TENANT }));
    keeper.keep(idsOf([aCall({ id: 'first-0001', tenantId: OTHER_TENANT })]));
    keeper.keep(idsOf(calls));
    gate.resolve();
    await quiet();
    expect(asked).toEqual([DEADLINE_MS, DEADLINE_MS - 24.5 * MINUTE]);
    expect(graph.sent).toHaveLength(51);
  });
});

describe('a lane whose requests hang', () => {
  test('does not hold up another lane: not its requests, not its outcomes, not its retries', async () => {
    const { keeper, put, get, graph, clock, calls } = await due(2_000, {}, { places: 8 });
    const renewedBefore = { trackedAt: NOW - 20 * MINUTE, renewedAt: NOW - 10 * MINUTE };
    const others = Array.from({ length: 20 }, (_, i) =>
      aCall({ id: `other-${100 + i}`, tenantId: OTHER_TENANT, ...renewedBefore }),
    );
    put(...others);
    const attempts = new Map<string, number>();
    graph.answer = async (call, at) => {
      if (call.tenantId !== OTHER_TENANT) {
        await clock.sleep(10 * SECOND);
        return { kind: 'failed', sentAt: at, error: anError({ status: null, code: 'timeout' }) };
      }
      await clock.sleep(100);
      const attempt = (attempts.get(call.id) ?? 0) + 1;
      attempts.set(call.id, attempt);
      return attempt === 1 && call.id === 'other-107' ? failed(at) : renewed(at);
    };
    keeper.keep(idsOf(calls));
    await clock.advance(SECOND);
    keeper.keep(idsOf(others));
    await clock.advance(4 * SECOND);
    expect(others.filter(({ id }) => (get(id)?.renewedAt ?? 0) > NOW)).toHaveLength(20);
  });

  test('has calls that wait an interval for their turn count as failing, and expire in the end', async () => {
    const { keeper, get, graph, told, clock, calls } = await due(50);
    graph.answer = hang;
    keeper.keep(idsOf(calls));
    await clock.advance(6 * MINUTE);
    keeper.keep(idsOf(calls)); // as the next visit does
    await clock.advance(SECOND);
    const waiting = calls.slice(1).map(({ id }) => get(id));
    for (const call of waiting) expect(call?.lastError?.code).toBe('queued');
    await clock.advance(25 * MINUTE);
    expect(graph.sent).toHaveLength(1);
    expect(told.risks).toHaveLength(49);
    expect(told.removals).toHaveLength(49);
  });
});

describe('a keepAlive on demand', () => {
  test('is posted whatever the schedule says, and resolves with its effect', async () => {
    const { keeper, clock, calls } = await due(1, { renewedAt: NOW });
    clock.set(NOW + 5);
    const result = await clock.through(keeper.keepNow((calls[0] as Call).id));
    expect(result).toMatchObject({
      outcome: renewed(NOW + 5),
      call: { renewedAt: NOW + 5 },
    });
  });

  test('joins the one that is in flight: 64 requests are one at Graph, and no more may wait', async () => {
    const { keeper, graph, clock, calls } = await due();
    graph.answer = async (_, at) => {
      await clock.sleep(SECOND);
      return renewed(at);
    };
    const asked = Array.from({ length: 64 }, () => keeper.keepNow((calls[0] as Call).id));
    expect(await keeper.keepNow((calls[0] as Call).id)).toEqual({ retryAfterMs: POLICY.firstMs });
    const results = await clock.through(Promise.all(asked));
    for (const result of results) expect(result).toMatchObject({ outcome: renewed(NOW) });
    expect(graph.sent).toHaveLength(1);
  });

  test('is refused for a while after another one, with how long', async () => {
    const { keeper, get, graph, clock, calls } = await due();
    const [call] = calls as [Call];
    await clock.through(keeper.keepNow(call.id));
    const sinceMs = clock.now() - NOW;
    expect(await keeper.keepNow(call.id)).toEqual({ retryAfterMs: POLICY.firstMs - sinceMs });
    clock.set(NOW + POLICY.firstMs);
    const again = await clock.through(keeper.keepNow((get(ID) as Call).id));
    expect(again).toMatchObject({ outcome: renewed(NOW + POLICY.firstMs) });
    expect(graph.sent).toHaveLength(2);
  });

  test('that fails is planned like any other failure', async () => {
    const { keeper, get, graph, clock, calls } = await due(1, { renewedAt: NOW });
    graph.answer = (_, at) => (graph.sent.length === 1 ? failed(at) : renewed(at));
    await clock.through(keeper.keepNow((calls[0] as Call).id));
    expect(get(ID)?.consecutiveFailures).toBe(1);
    await clock.advance(3 * SECOND);
    expect(get(ID)?.consecutiveFailures).toBe(0);
  });

  test('for a call that waits is one failure in five minutes, and nobody waits for it for longer', async () => {
    const { keeper, redis, get, graph, clock, calls } = await due(2, { renewedAt: NOW });
    graph.answer = hang;
    keeper.keep(idsOf(calls));
    await clock.advance(POLICY.refusedCapMs + SECOND);
    let writes = 0;
    redis.before = (op) => {
      if (op === 'write') writes++;
    };
    const results: unknown[] = [];
    // Each of them is answered before the next comes: there is never more than one.
    for (let i = 0; i < 65; i++) {
      const result = keeper.keepNow((calls[1] as Call).id);
      results.push(i < 5 ? await clock.through(result) : void result);
    }
    await clock.advance(SECOND);
    expect(results.slice(0, 5)).toMatchObject(Array(5).fill({ outcome: { kind: 'failed' } }));
    expect(writes).toBe(1);
    expect(get(calls[1]?.id ?? '')?.consecutiveFailures).toBe(1);
    // Sixty wait: those that were answered do not count any more.
    const next = Array.from({ length: 5 }, () => keeper.keepNow((calls[1] as Call).id));
    const answers = await clock.through(Promise.all(next));
    expect(answers.filter((answer) => 'retryAfterMs' in answer)).toHaveLength(1);
  });

  test('answers in time even behind requests that hang', async () => {
    const { keeper, graph, clock, calls } = await due(2);
    graph.answer = hang;
    keeper.keep(idsOf(calls));
    const result = await clock.through(keeper.keepNow((calls[1] as Call).id));
    expect(result).toMatchObject({ outcome: { kind: 'failed', error: { code: 'queued' } } });
    expect(clock.now()).toBe(NOW + 30 * SECOND);
  });
});

test('a call that gets its place right after its wait counted as a failure does not fail', async () => {
  const { keeper, get, graph, told, clock, quiet, calls } = await due(2);
  const gate = Promise.withResolvers<void>();
  graph.answer = async (_, at) => {
    if (graph.sent.length === 1) await gate.promise;
    return renewed(at);
  };
  keeper.keep(idsOf(calls));
  await clock.advance(20 * MINUTE); // the second one waits, until it is nearly at risk
  keeper.keep(idsOf(calls));
  gate.resolve();
  await idle();
  expect(graph.sent).toHaveLength(2);
  await quiet();
  const second = graph.ids[1] ?? '';
  expect(get(second)).toMatchObject({ consecutiveFailures: 0, lastError: null });
  expect(told.risks).toEqual([]);
});

describe('a call that has waited for long', () => {
  /** A call whose request hangs for 20 s, and others of its lane that wait behind it. */
  async function backlog(count = 3) {
    const world = await due(count);
    const { keeper, graph, clock, redis, calls } = world;
    graph.answer = async (_, at) => {
      if (graph.sent.length === 1) await clock.sleep(20 * SECOND);
      return renewed(at);
    };
    keeper.keep(idsOf(calls));
    await idle();
    const [first = ''] = graph.ids;
    const waiting = calls.filter(({ id }) => id !== first);
    /** Writes calls to Redis as another replica would; this one does not know yet. */
    const elsewhere = (...changed: (Call | ReturnType<typeof stopped>)[]) => {
      for (const call of changed) redis.texts.set(call.id, encodeRecord(recordOf(call)));
    };
    return { ...world, first, waiting, elsewhere };
  }

  test('gets no keepAlive if another replica has renewed it meanwhile', async () => {
    const { graph, told, quiet, first, waiting, elsewhere } = await backlog();
    const [one, other] = waiting as [Call, Call];
    elsewhere({ ...one, renewedAt: NOW + SECOND });
    await quiet();
    expect(graph.ids).toEqual([first, other.id]);
    expect(told.attempts).toHaveLength(2);
  });

  test('gets no keepAlive if it was stopped meanwhile through another replica', async () => {
    const { graph, removed, quiet, first, waiting, elsewhere } = await backlog();
    const [one, other] = waiting as [Call, Call];
    elsewhere(stopped(one));
    await quiet();
    expect(graph.ids).toEqual([first, other.id]);
    expect(removed(one.id)?.reason).toBe('request');
  });

  test('goes to the tenant in which it was tracked again meanwhile', async () => {
    const { graph, quiet, waiting, elsewhere } = await backlog();
    const [one] = waiting as [Call];
    elsewhere({ ...one, tenantId: OTHER_TENANT, generation: `${one.generation}1` });
    await quiet();
    expect(graph.sent.find(({ id }) => id === one.id)?.call.tenantId).toBe(OTHER_TENANT);
  });

  test.each([
    ['does not answer', new StoreUnavailableError('Redis: timeout')],
    ['fails', new Error('no such command')],
  ])('gets its keepAlive although Redis %s', async (_, error) => {
    const { graph, redis, quiet, calls } = await backlog();
    redis.before = (op) => {
      if (op === 'find') throw error;
    };
    await quiet();
    expect(graph.ids.toSorted()).toEqual(idsOf(calls).toSorted());
  });

  test.each([SECOND / 4, SECOND, 5 * SECOND, Infinity])(
    'is sent within 15 s with 3,000 others, although Redis answers after %s ms',
    async (answerMs) => {
      const { keeper, graph, clock, redis, calls } = await due(3_000);
      const read = redis.read.bind(redis);
      redis.read = async (ids) => {
        await (answerMs === Infinity ? hang() : clock.sleep(answerMs));
        return read(ids);
      };
      graph.answer = async (_, at) => {
        await clock.sleep(SECOND / 5);
        return renewed(at);
      };
      keeper.keep(idsOf(calls));
      // Without any second look, 64 places send these in 10 s.
      await clock.advance(15 * SECOND);
      expect(graph.sent).toHaveLength(calls.length);
    },
  );

  test('is read from Redis once, in batches; a call that came later is not read', async () => {
    const { redis, keeper, clock, quiet, graph, put, calls } = await backlog(50);
    const reads: number[] = [];
    const read = redis.read.bind(redis);
    redis.read = (ids) => {
      reads.push(ids.length);
      return read(ids);
    };
    await clock.advance(19 * SECOND);
    const late = aCall({
      id: 'late-0001',
      trackedAt: NOW - 20 * MINUTE,
      renewedAt: NOW - 15 * MINUTE,
    });
    put(late);
    keeper.keep([late.id]);
    await quiet();
    expect(graph.ids.toSorted()).toEqual([...idsOf(calls), late.id].toSorted());
    expect(reads.reduce((a, b) => a + b)).toBe(49);
    expect(reads.length).toBeLessThan(20);
  });
});

test('a call that does not wait is sent without reading Redis, even if Redis hangs', async () => {
  const { keeper, graph, redis, calls } = await due(10);
  redis.before = (op) => (op === 'find' ? hang() : undefined);
  for (const { id } of calls) {
    keeper.keep([id]);
    await idle();
  }
  expect(graph.sent).toHaveLength(calls.length);
});

test('replicas with the same calls waiting send them in different orders', async () => {
  const orders = [1, 2].map(async (seed) => {
    const { keeper, graph, quiet, calls } = await due(100, {}, { random: seeded(seed) });
    keeper.keep(idsOf(calls));
    await quiet();
    expect(graph.ids.toSorted()).toEqual(idsOf(calls));
    return graph.ids;
  });
  const [one, other] = await Promise.all(orders);
  expect(one).not.toEqual(other);
});

test('the shuffle makes no call of a backlog late, although its deadlines are near', async () => {
  const wheel = { ...WHEEL, slots: 256 };
  const { keeper, put, graph, clock } = aWorld({ random: seeded(1), wheel });
  graph.answer = async (_, at) => {
    await clock.sleep(SECOND / 5);
    return renewed(at);
  };
  // A hundred deadlines a second, while 64 places can send 320.
  const calls = Array.from({ length: 4_000 }, (_, i) => {
    const renewedAt = NOW + 2 * SECOND + 10 * i - DEADLINE_MS;
    return aCall({ id: `call-${10_000 + i}`, trackedAt: NOW - 60 * MINUTE, renewedAt });
  });
  put(...calls);
  keeper.keep(idsOf(calls));
  await clock.advance(45 * SECOND);
  const sentAt = new Map(graph.sent.map(({ id, at }) => [id, at]));
  const late = calls.filter(({ id, renewedAt }) => {
    return (sentAt.get(id) ?? Infinity) > (renewedAt ?? 0) + DEADLINE_MS;
  });
  expect(late).toEqual([]);
});

test('a call with a minute less to its deadline is sent before the shuffled calls that wait', async () => {
  const { keeper, put, graph, quiet, calls } = await due(100, {}, { random: seeded(3) });
  const urgent = { ...(calls[0] as Call), id: 'urgent-0001', renewedAt: NOW - 16 * MINUTE };
  put(urgent);
  keeper.keep([...idsOf(calls), urgent.id]);
  await quiet();
  // The first call was sent before the urgent one was handed in.
  expect(graph.ids.indexOf(urgent.id)).toBe(1);
});

describe('a keeper that stops', () => {
  test('sends nothing more, writes the outcomes of requests in flight, and renews no waiting call', async () => {
    const { keeper, get, graph, clock, calls } = await due(20);
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      await gate.promise;
      return renewed(at);
    };
    keeper.keep(idsOf(calls));
    await idle();
    const inFlight = graph.ids;
    expect(inFlight.length).toBeLessThan(calls.length);
    keeper.close();
    keeper.keep(idsOf(calls));
    const settled = keeper.settled();
    gate.resolve();
    await clock.through(settled);
    expect(graph.ids).toEqual(inFlight);
    const renewedNow = idsOf(calls).filter((id) => get(id)?.renewedAt === NOW);
    expect(renewedNow.toSorted()).toEqual(inFlight.toSorted());
  });

  test('answers the callers of keepAlives on demand', async () => {
    const { keeper, graph, clock, calls } = await due(2);
    graph.answer = hang;
    keeper.keep(idsOf(calls));
    const asked = keeper.keepNow((calls[1] as Call).id);
    await idle();
    keeper.close();
    expect(await clock.through(asked)).toMatchObject({ outcome: { error: { code: 'stopping' } } });
  });
});

describe('a Redis that does not answer', () => {
  test('has its outcomes kept in memory, and is asked again for the next ones', async () => {
    const { keeper, registry, redis, get, quiet, calls } = await due(2);
    redis.before = (op) => {
      if (op === 'write') throw new StoreUnavailableError('out');
    };
    keeper.keep(idsOf(calls.slice(0, 1)));
    await quiet();
    expect(registry.get(ID).renewedAt).toBe(NOW);
    expect(registry.unacknowledged).toBe(1);
    redis.before = () => undefined;
    keeper.keep(idsOf(calls.slice(1)));
    await quiet();
    expect(get(calls[1]?.id ?? '')?.renewedAt).toBeGreaterThanOrEqual(NOW);
  });

  test('after it has written does no harm by the outcome being kept twice', async () => {
    const { keeper, redis, removed, graph, told, quiet, calls } = await due(2);
    graph.answer = (call, at) => (call.id === ID ? ended(at) : renewed(at));
    redis.afterWrite = () => {
      throw new StoreUnavailableError('the answer was lost');
    };
    keeper.keep(idsOf(calls));
    await quiet();
    expect(removed(ID)?.state).toBe('ended');
    expect(told.removals.length).toBeLessThanOrEqual(1);
  });

  test('has a call that this replica alone knows kept alive and tried again all the same', async () => {
    const { keeper, redis, local, registry, graph, clock, quiet } = aWorld();
    redis.isAway = true;
    const call = aCall({ trackedAt: NOW - 20 * MINUTE });
    local.merge(recordOf(call));
    graph.answer = (_, at) => (graph.sent.length === 1 ? failed(at) : renewed(at));
    keeper.keep(idsOf([call]));
    await quiet();
    expect(registry.get(ID).failure?.count).toBe(1);
    await clock.advance(3 * SECOND);
    expect(registry.get(ID).renewedAt).toBeGreaterThan(NOW);
  });
});

describe('an error that nobody expected', () => {
  test('while a request is sent takes neither its place nor its call out of use', async () => {
    const { keeper, get, graph, clock, errors, calls } = await due(8, {}, { places: 4 });
    let isBroken = true;
    graph.answer = (_, at) => {
      if (isBroken) throw new Error('a bug');
      return renewed(at);
    };
    keeper.keep(idsOf(calls));
    await clock.advance(2 * SECOND);
    expect(errors[0]).toMatchObject({ err: { message: 'a bug' } });
    expect(get(ID)?.lastError?.code).toBe('internal');
    isBroken = false;
    await clock.advance(5 * MINUTE);
    for (const { id } of calls) expect(get(id)?.renewedAt).toBeGreaterThan(NOW);
  });

  test('while outcomes are written is logged', async () => {
    const { keeper, redis, errors, quiet, calls } = await due();
    redis.before = (op) => {
      if (op === 'write') throw new Error('a bug');
    };
    keeper.keep(idsOf(calls));
    await quiet();
    expect(errors).toMatchObject([{ err: { message: 'a bug' }, calls: 1 }]);
  });
});

test('twenty thousand calls that need no request let the event loop have its turns', async () => {
  const { keeper, put, graph, told } = aWorld();
  const calls = Array.from({ length: 20_000 }, (_, i) => aCall({ id: `call-${10_000 + i}` }));
  put(...calls);
  graph.send = async () => ({ kind: 'failed', sentAt: null, error: anError({ code: 'app' }) });
  keeper.keep(idsOf(calls));
  const seen: number[] = [];
  while (told.attempts.length < 20_000) {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(told.attempts.length);
  }
  expect(seen.length).toBeGreaterThan(20_000 / 1_000);
});

test('an error about one call stops no other call', async () => {
  const { keeper, put, registry, graph, quiet, calls, errors } = await due(4);
  const [first, second, third, fourth] = idsOf(calls) as [string, string, string, string];
  const bad = new Set([first]);
  const get = registry.get.bind(registry);
  registry.get = (id) => {
    if (bad.has(id)) throw new Error('it cannot be read');
    return get(id);
  };
  keeper.keep(idsOf(calls));
  // The second one is in flight, and the others wait; the third is looked at again.
  bad.add(third);
  put({ ...(calls[2] as Call), renewedAt: NOW - 14 * MINUTE });
  await quiet();
  expect(graph.ids).toEqual([second, fourth]);
  expect(errors).toMatchObject([{ call: first }, { call: third }]);
  keeper.close();
  await keeper.settled();
});

test('a call that an internal error stopped is sent when it is handed in again', async () => {
  const { keeper, graph, quiet, calls, errors } = await due(2);
  const [first, second] = idsOf(calls) as [string, string];
  const hasToken = graph.hasToken;
  graph.hasToken = ({ id }) => {
    if (id === first) throw new Error('no answer');
    return true;
  };
  keeper.keep([first, second]);
  await quiet();
  expect([graph.ids, errors]).toMatchObject([[second], [{ call: first }]]);
  expect(keeper.holds(first, NOW)).toBe(false);
  graph.hasToken = hasToken;
  keeper.keep([first]);
  await quiet();
  expect(graph.ids).toEqual([second, first]);
});

test('an error about one planned call stops no other planned call', async () => {
  const { keeper, registry, graph, clock, calls, errors } = await due(2);
  const [first, second] = idsOf(calls) as [string, string];
  graph.answer = (_, at) => (graph.sent.length <= 2 ? failed(at) : renewed(at));
  keeper.keep([first, second]);
  await clock.advance(SECOND / 2);
  const get = registry.get.bind(registry);
  registry.get = (id) => {
    if (id === first) throw new Error('it cannot be read');
    return get(id);
  };
  await clock.advance(5 * SECOND);
  expect(graph.ids.slice(2)).toEqual([second]);
  expect(errors).toMatchObject([{ call: first }]);
});

test('a hundred thousand waiting calls take little memory, and close() drops them', () => {
  const { keeper, put, graph } = aWorld();
  graph.answer = hang;
  const calls = Array.from({ length: 100_000 }, (_, i) =>
    aCall({ id: `call-${100_000 + i}`, trackedAt: NOW - (i % 1_000) }),
  );
  put(...calls);
  const ids = idsOf(calls);
  const before = heapInUse();
  keeper.keep(ids);
  expect(graph.sent).toHaveLength(1);
  expect(heapInUse() - before).toBeLessThan(100e6);
  expect(idsOf(calls).every((id) => keeper.holds(id, NOW))).toBe(true);
  keeper.close();
  expect(idsOf(calls).filter((id) => keeper.holds(id, NOW))).toEqual(graph.ids);
});
