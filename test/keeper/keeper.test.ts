import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import { type Entry, StoreUnavailableError } from '../../src/calls/ports.ts';
import {
  aCall,
  aKeeperOf,
  anError,
  aWorld,
  DEADLINE_MS,
  ended,
  failed,
  idle,
  MemoryStore,
  MINUTE,
  NOW,
  POLICY,
  refused,
  renewed,
  SECOND,
  throttled,
  type WorldOptions,
} from '../calls/fixture.ts';

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
  world.store.put(...calls);
  return { ...world, calls };
}

/** A second world on the same store and clock: another replica. */
const another = (world: { store: MemoryStore; clock: ReturnType<typeof aWorld>['clock'] }) =>
  aKeeperOf(world.store, { clock: world.clock });

const hang = () => new Promise<never>(() => undefined);

describe('the keeper', () => {
  test('posts a call and writes the sending of the request as its renewal', async () => {
    const { keeper, store, graph, clock, quiet, calls } = await due();
    graph.answer = async (_, at) => {
      await clock.sleep(9 * SECOND);
      return renewed(at);
    };
    keeper.keep(calls);
    await quiet();
    expect(store.get(ID)).toMatchObject({ renewedAt: NOW, retryAt: null });
  });

  test('has one request of a call in flight, however often it is handed in', async () => {
    const { keeper, graph, quiet, calls } = await due();
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      await gate.promise;
      return renewed(at);
    };
    for (let i = 0; i < 5; i++) keeper.keep(calls);
    await idle();
    for (let i = 0; i < 5; i++) keeper.keep(calls);
    gate.resolve();
    await quiet();
    expect(graph.ids).toEqual([ID]);
  });

  test('drops a call at once when Graph says that it is over, and publishes that once', async () => {
    const { keeper, store, graph, told, quiet, calls } = await due();
    graph.answer = (_, at) => ended(at);
    keeper.keep(calls);
    await quiet();
    expect(store.gone.get(ID)).toMatchObject({ removal: 'ended', lastError: { code: '8522' } });
    expect(told.removals).toEqual([{ id: ID, removal: 'ended' }]);
  });

  test('retries a failing call when its record says, not before', async () => {
    const { keeper, graph, clock, quiet, calls } = await due();
    graph.answer = (_, at) => (graph.sent.length === 1 ? throttled(at, 90 * SECOND) : renewed(at));
    keeper.keep(calls);
    await quiet();
    await clock.advance(89 * SECOND);
    expect(graph.sent).toHaveLength(1);
    await clock.advance(2 * SECOND);
    expect(graph.sent).toHaveLength(2);
  });

  test('retries until the deadline, publishes once that the call is at risk, and then gives it up', async () => {
    const { keeper, store, graph, told, clock, calls } = await due();
    graph.answer = (_, at) => failed(at);
    keeper.keep(calls);
    await clock.advance(31 * MINUTE);
    expect(store.gone.get(ID)?.removal).toBe('expired');
    expect(told.risks).toEqual([ID]);
    expect(told.removals).toEqual([{ id: ID, removal: 'expired' }]);
    expect(graph.sent.at(-1)?.at).toBeLessThanOrEqual(NOW + 30 * MINUTE + SECOND);
    expect(graph.sent.length).toBeGreaterThan(20);
  });

  test('leaves a call alone that another replica has renewed meanwhile', async () => {
    const { keeper, store, graph, clock, quiet, calls } = await due();
    graph.answer = (_, at) => failed(at);
    keeper.keep(calls);
    await quiet();
    store.put({ ...(calls[0] as Call), renewedAt: clock.now() });
    await clock.advance(10 * MINUTE);
    expect(graph.sent).toHaveLength(1);
  });

  test('plans a call once, however often its trackUntil is prolonged', async () => {
    const { keeper, store, told, clock, calls } = await due(50, { renewedAt: NOW });
    for (let i = 1; i <= 60; i++) {
      const prolonged = calls.map((call) => ({
        ...call,
        trackUntil: NOW + 30 * SECOND + i * 1_000,
      }));
      store.put(...prolonged);
      keeper.plan(prolonged);
    }
    let reads = 0;
    store.before = (op) => {
      if (op === 'find') reads++;
    };
    await clock.advance(89 * SECOND);
    expect(told.removals).toEqual([]);
    await clock.advance(2 * SECOND);
    expect(told.removals).toHaveLength(50);
    expect(reads).toBeLessThan(5);
  });

  test('does not stop a call whose tracking was prolonged at the same moment', async () => {
    const { keeper, store, told, quiet, calls } = await due(1, { trackUntil: NOW });
    store.before = (op) => {
      if (op === 'write') store.put({ ...(calls[0] as Call), trackUntil: NOW + 60 * MINUTE });
    };
    keeper.keep(calls);
    await quiet();
    expect(store.get(ID)).not.toBeNull();
    expect(told.removals).toEqual([]);
  });

  test('posts a call again that was tracked again while its request was in flight', async () => {
    const { keeper, store, graph, clock, quiet, calls } = await due();
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      if (graph.sent.length > 1) return renewed(at);
      await gate.promise;
      return ended(at);
    };
    keeper.keep(calls);
    await idle();
    const again = { ...(calls[0] as Call), registration: 'r2', renewedAt: null, trackedAt: NOW };
    store.put(again);
    keeper.keep([again]);
    gate.resolve();
    await quiet();
    await clock.advance(6 * SECOND);
    expect(graph.sent).toHaveLength(2);
    expect(store.get(ID)?.registration).toBe('r2');
  });

  test('does not bring back a call that was stopped while its request was in flight', async () => {
    const { keeper, store, graph, quiet, calls } = await due();
    graph.answer = (_, at) => {
      store.calls.delete(ID);
      return renewed(at);
    };
    keeper.keep(calls);
    await quiet();
    expect(store.get(ID)).toBeNull();
  });

  test('on two replicas does a call no harm, and the newest renewal counts', async () => {
    const { keeper, store, graph, clock, quiet, calls } = await due();
    const other = another({ store, clock });
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      await gate.promise;
      return renewed(at);
    };
    keeper.keep(calls);
    await idle();
    clock.set(NOW + 5);
    other.keeper.keep(calls);
    await other.quiet();
    gate.resolve();
    await quiet();
    expect(store.get(ID)?.renewedAt).toBe(NOW + 5);
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
    world.keeper.keep(world.calls);
    await idle();
    expect(world.graph.ids).toEqual([ID]);
    return { ...world, waiting: world.calls[1] as Call, open: () => gate.resolve() };
  }

  test('reads the record again: a call that was stopped meanwhile is not posted', async () => {
    const left = new Set<string>();
    const stopped = await behind({ latest: ({ id }) => (left.has(id) ? null : undefined) });
    left.add(stopped.waiting.id);
    stopped.open();
    await stopped.quiet();
    expect(stopped.graph.ids).toEqual([ID]);
  });

  test('asks Redis about a call that the local registry does not know', async () => {
    const world = await behind({ latest: () => undefined });
    world.store.calls.delete(world.waiting.id);
    world.open();
    await world.quiet();
    expect(world.graph.ids).toEqual([ID]);
  });

  test('posts a call whose record cannot be read now: one too many is harmless', async () => {
    const world = await behind({ latest: () => undefined, local: new MemoryStore() });
    world.store.before = () => {
      throw new StoreUnavailableError('out');
    };
    world.open();
    await world.quiet();
    expect(world.graph.ids).toEqual([ID, world.waiting.id]);
  });

  test('does not post a call that was renewed meanwhile', async () => {
    const world = await behind();
    world.store.put({ ...world.waiting, renewedAt: NOW - 1 });
    world.open();
    await world.quiet();
    expect(world.graph.ids).toEqual([ID]);
  });

  test('stops a call whose trackUntil has come meanwhile', async () => {
    const world = await behind();
    world.store.put({ ...world.waiting, trackUntil: NOW });
    world.open();
    await world.quiet();
    expect(world.graph.ids).toEqual([ID]);
    expect(world.store.gone.get(world.waiting.id)?.removal).toBe('untracked');
  });

  test('posts a call in the tenant in which it was tracked meanwhile', async () => {
    const world = await behind();
    world.store.put({ ...world.waiting, tenantId: OTHER_TENANT, registration: 'r2' });
    world.open();
    await world.quiet();
    expect(world.graph.sent[1]?.call.tenantId).toBe(OTHER_TENANT);
  });

  test('does not post a call that was stopped while it waited for its token', async () => {
    const world = await due();
    const token = Promise.withResolvers<null>();
    let isAtHand = false;
    world.graph.hasToken = () => isAtHand;
    world.graph.token = () => token.promise;
    world.keeper.keep(world.calls);
    await idle();
    world.store.calls.delete(ID);
    isAtHand = true;
    token.resolve(null);
    await world.quiet();
    expect(world.graph.ids).toEqual([]);
  });
});

describe('a tenant without a token', () => {
  test('takes no place from others, and its calls fail with the cause', async () => {
    const world = await due(100, {}, { places: 4 });
    const { keeper, store, graph, clock, quiet } = world;
    const strangers = Array.from({ length: 1_000 }, (_, i) =>
      aCall({ id: `made-up-${i}`, tenantId: `tenant-${i}`, trackedAt: NOW }),
    );
    store.put(...strangers);
    let asking = 0;
    let mostAsking = 0;
    graph.hasToken = ({ tenantId }) => !tenantId.startsWith('tenant-');
    graph.token = async () => {
      mostAsking = Math.max(mostAsking, ++asking);
      await clock.sleep(10 * SECOND);
      asking--;
      return { kind: 'refused', sentAt: null, error: anError({ status: null, code: 'token' }) };
    };
    keeper.keep(strangers);
    keeper.keep(world.calls);
    await idle();
    expect(graph.ids.every((id) => id.startsWith('call-'))).toBe(true);
    await clock.advance(SECOND);
    expect(graph.sent).toHaveLength(100);
    await clock.advance(60 * SECOND);
    expect(mostAsking).toBeLessThanOrEqual(4);
    const failing = strangers.filter(({ id }) => store.get(id)?.consecutiveFailures === 1);
    expect(failing.length).toBeGreaterThan(0);
    // At the slow pace of a refusal from the first time on.
    for (const { id } of failing) {
      expect((store.get(id)?.retryAt ?? 0) - NOW).toBeGreaterThan(4 * MINUTE);
    }
    await quiet;
  });

  test('is asked for once for all of its calls, with the nearest of their deadlines', async () => {
    const { keeper, store, graph, quiet } = aWorld();
    const calls = Array.from({ length: 50 }, (_, i) =>
      aCall({ id: `call-${1_000 + i}`, trackedAt: NOW - (i * MINUTE) / 2 }),
    );
    store.put(...calls);
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
    store.put(aCall({ id: 'first-0001', tenantId: OTHER_TENANT }));
    keeper.keep([aCall({ id: 'first-0001', tenantId: OTHER_TENANT })]);
    keeper.keep(calls);
    gate.resolve();
    await quiet();
    expect(asked).toEqual([DEADLINE_MS, DEADLINE_MS - 24.5 * MINUTE]);
    expect(graph.sent).toHaveLength(51);
  });
});

describe('a lane whose requests hang', () => {
  test('does not delay the requests, outcomes or retries of another lane', async () => {
    const { keeper, store, graph, clock, calls } = await due(2_000, {}, { places: 8 });
    const others = Array.from({ length: 20 }, (_, i) =>
      aCall({ id: `other-${i}`, tenantId: OTHER_TENANT, renewedAt: NOW - 10 * MINUTE }),
    );
    store.put(...others);
    const attempts = new Map<string, number>();
    graph.answer = async (call, at) => {
      if (call.tenantId !== OTHER_TENANT) {
        await clock.sleep(10 * SECOND);
        return { kind: 'failed', sentAt: at, error: anError({ status: null, code: 'timeout' }) };
      }
      await clock.sleep(100);
      const attempt = (attempts.get(call.id) ?? 0) + 1;
      attempts.set(call.id, attempt);
      return attempt === 1 && call.id === 'other-7' ? failed(at) : renewed(at);
    };
    keeper.keep(calls);
    await clock.advance(SECOND);
    keeper.keep(others);
    await clock.advance(4 * SECOND);
    expect(others.filter(({ id }) => (store.get(id)?.renewedAt ?? 0) > NOW)).toHaveLength(20);
  });

  test('counts calls that wait an interval for their turn as failing, and they expire in the end', async () => {
    const { keeper, store, graph, told, clock, calls } = await due(50);
    graph.answer = hang;
    keeper.keep(calls);
    await clock.advance(6 * MINUTE);
    keeper.keep(calls.map(({ id }) => store.get(id) as Call)); // as the next visit does
    await clock.advance(SECOND);
    const waiting = calls.slice(1).map(({ id }) => store.get(id));
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
    const result = await clock.through(keeper.keepNow(calls[0] as Call));
    expect(result).toMatchObject({
      outcome: renewed(NOW + 5),
      effect: { next: { renewedAt: NOW + 5 } },
    });
  });

  test('joins the one that is in flight: 150 requests are one request to Graph', async () => {
    const { keeper, graph, clock, calls } = await due();
    graph.answer = async (_, at) => {
      await clock.sleep(SECOND);
      return renewed(at);
    };
    const asked = Array.from({ length: 150 }, () => keeper.keepNow(calls[0] as Call));
    const results = await clock.through(Promise.all(asked));
    for (const result of results) expect(result).toMatchObject({ outcome: renewed(NOW) });
    expect(graph.sent).toHaveLength(1);
  });

  test('is refused for a while after another one, with the time to wait', async () => {
    const { keeper, store, graph, clock, calls } = await due();
    const [call] = calls as [Call];
    await clock.through(keeper.keepNow(call));
    const sinceMs = clock.now() - NOW;
    expect(await keeper.keepNow(call)).toEqual({ retryAfterMs: POLICY.firstMs - sinceMs });
    clock.set(NOW + POLICY.firstMs);
    const again = await clock.through(keeper.keepNow(store.get(ID) as Call));
    expect(again).toMatchObject({ outcome: renewed(NOW + POLICY.firstMs) });
    expect(graph.sent).toHaveLength(2);
  });

  test('that fails is planned like any other failure', async () => {
    const { keeper, store, graph, clock, calls } = await due(1, { renewedAt: NOW });
    graph.answer = (_, at) => (graph.sent.length === 1 ? failed(at) : renewed(at));
    await clock.through(keeper.keepNow(calls[0] as Call));
    expect(store.get(ID)?.consecutiveFailures).toBe(1);
    await clock.advance(3 * SECOND);
    expect(store.get(ID)?.consecutiveFailures).toBe(0);
  });

  test('answers in time even behind requests that hang', async () => {
    const { keeper, graph, clock, calls } = await due(2);
    graph.answer = hang;
    keeper.keep(calls);
    const result = await clock.through(keeper.keepNow(calls[1] as Call));
    expect(result).toMatchObject({ outcome: { kind: 'failed', error: { code: 'queued' } } });
    expect(clock.now()).toBe(NOW + 30 * SECOND);
  });
});

describe('a keeper that stops', () => {
  test('sends no more, writes what is in flight, and returns the calls that were waiting', async () => {
    const { keeper, store, graph, clock, calls } = await due(20);
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      await gate.promise;
      return renewed(at);
    };
    keeper.keep(calls);
    await idle();
    const inFlight = graph.ids;
    const waiting = keeper.close();
    expect([...waiting.map(({ id }) => id), ...inFlight].toSorted()).toEqual(
      calls.map(({ id }) => id).toSorted(),
    );
    keeper.keep(calls);
    const settled = keeper.settled();
    gate.resolve();
    await clock.through(settled);
    expect(graph.ids).toEqual(inFlight);
    for (const id of inFlight) expect(store.get(id)?.renewedAt).toBe(NOW);
  });

  test('answers the callers of keepAlives on demand', async () => {
    const { keeper, graph, clock, calls } = await due(2);
    graph.answer = hang;
    keeper.keep(calls);
    const asked = keeper.keepNow(calls[1] as Call);
    await idle();
    keeper.close();
    expect(await clock.through(asked)).toMatchObject({ outcome: { error: { code: 'stopping' } } });
  });
});

describe('a registry that does not answer', () => {
  test('has its outcomes written to the local one, and is tried again for the next ones', async () => {
    const local = new MemoryStore();
    const { keeper, store, quiet, calls } = await due(2, {}, { local });
    local.put(...calls);
    store.before = (op) => {
      if (op === 'write') throw new StoreUnavailableError('out');
    };
    keeper.keep(calls.slice(0, 1));
    await quiet();
    expect(local.get(ID)?.renewedAt).toBe(NOW);
    store.before = () => undefined;
    keeper.keep(calls.slice(1));
    await quiet();
    expect(store.get(calls[1]?.id ?? '')?.renewedAt).toBeGreaterThanOrEqual(NOW);
  });

  test('after it has written does no harm, although the outcome is written twice', async () => {
    const local = new MemoryStore();
    const { keeper, store, graph, told, quiet, calls } = await due(2, {}, { local });
    graph.answer = (call, at) => (call.id === ID ? ended(at) : renewed(at));
    store.afterWrite = () => {
      throw new StoreUnavailableError('the answer was lost');
    };
    keeper.keep(calls);
    await quiet();
    expect(store.gone.has(ID)).toBe(true);
    expect(told.removals.length).toBeLessThanOrEqual(1);
  });

  test('is not asked about calls that only the local registry knows', async () => {
    const local = new MemoryStore();
    const [call] = (await due()).calls as [Call];
    const latest = ({ id }: Call): Entry | undefined => local.calls.get(id);
    const world = aKeeperOf(new MemoryStore(), { local, isLocal: () => true, latest });
    local.put(call);
    world.graph.answer = (_, at) => (world.graph.sent.length === 1 ? refused(at) : renewed(at));
    world.keeper.keep([call]);
    await world.quiet();
    await world.clock.advance(2 * SECOND);
    expect(local.get(ID)?.renewedAt).toBeGreaterThan(NOW);
  });
});

test('a hundred thousand calls handed over at once wait in little memory, and all are returned', () => {
  const { keeper, graph } = aWorld({ latest: (call) => ({ call, version: '' }) });
  graph.answer = hang;
  const calls = Array.from({ length: 100_000 }, (_, i) =>
    aCall({ id: `call-${i}`, trackedAt: NOW - (i % 1_000) }),
  );
  const before = process.memoryUsage().heapUsed;
  keeper.keep(calls);
  expect(graph.sent).toHaveLength(1);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(100e6);
  expect(keeper.close()).toHaveLength(99_999);
});
