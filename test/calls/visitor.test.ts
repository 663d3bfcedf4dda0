import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import { Lanes } from '../../src/calls/lanes.ts';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { slotWidthMs, turnAfter, turnAtOrBefore } from '../../src/calls/wheel.ts';
import {
  aCall,
  aVisitorOf,
  aWorld,
  DEADLINE_MS,
  ended,
  failed,
  idIn,
  idle,
  idsIn,
  MINUTE,
  NEVER,
  POLICY,
  renewed,
  SECOND,
  SKEW_MS,
  throttled,
  WHEEL,
} from './fixture.ts';

const SLOT = 3;
const OTHER_TENANT = '99999999-9999-4999-8999-999999999999';

/** A world at the turn of a slot, with so many calls in it that are due. */
function atTurn(count: number, over: Parameters<typeof aWorld>[0] = {}) {
  const world = aWorld(over);
  const turnAt = turnAfter(SLOT, world.clock.now(), WHEEL);
  world.clock.set(turnAt);
  const ids = idsIn(SLOT, count);
  const put = (id: string, more: Partial<Call> = {}) =>
    world.store.put(
      aCall({ id, trackedAt: turnAt - 20 * MINUTE, renewedAt: turnAt - 15 * MINUTE, ...more }),
    );
  for (const id of ids) put(id);
  const [id = ''] = ids;
  return { ...world, turnAt, ids, id, put };
}

describe('a visit of a slot', () => {
  test('posts what is due in it, once, and nothing else', async () => {
    const { visitor, store, graph, turnAt, ids, id } = atTurn(3);
    store.put(aCall({ id: idIn(SLOT + 1), trackedAt: turnAt - 20 * MINUTE }));
    store.put(aCall({ id, trackedAt: turnAt - 20 * MINUTE, renewedAt: turnAt }));
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBeNull();
    expect(graph.ids.toSorted()).toEqual(ids.slice(1).toSorted());
    for (const each of ids) expect(store.get(each)?.renewedAt).toBe(turnAt);
  });

  test('of a large slot, late, has a part of it wait at once, and posts all of it', async () => {
    const lanes = new Lanes(4);
    const enter = vi.spyOn(lanes, 'enter');
    const { visitor, graph, clock, turnAt, ids } = atTurn(500, { lanes });
    clock.set(turnAt + slotWidthMs(WHEEL));
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      await gate.promise;
      return renewed(at);
    };
    const visit = visitor.visitSlot(SLOT, turnAt, NEVER);
    await new Promise((resolve) => setImmediate(resolve));
    expect(graph.sent).toHaveLength(4);
    expect(enter.mock.calls.length).toBeLessThan(200);
    gate.resolve();
    expect(await clock.through(visit)).toBeNull();
    expect(graph.ids.toSorted()).toEqual(ids.toSorted());
  });

  test('in which hundreds of calls of one tenant hang posts those of another before them', async () => {
    const { visitor, graph, clock, turnAt, ids, put } = atTurn(300, { lanes: new Lanes(8) });
    const [other = ''] = idsIn(SLOT, 301).slice(-1);
    // Renewed a little later than the others: it is the last in the order of the deadlines.
    put(other, { tenantId: OTHER_TENANT, renewedAt: turnAt - 14 * MINUTE });
    clock.set(turnAt + slotWidthMs(WHEEL));
    const [first, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    graph.answer = async (call, at) => {
      if (call.id === ids[0]) await first.promise;
      else if (call.id !== other) await gate.promise;
      return renewed(at);
    };
    const visit = visitor.visitSlot(SLOT, turnAt, NEVER);
    await expect.poll(() => graph.sent).toHaveLength(8);
    first.resolve();
    await expect.poll(() => graph.ids).toContain(other);
    expect(graph.sent.length).toBeLessThan(12);
    gate.resolve();
    expect(await clock.through(visit)).toBeNull();
    expect(graph.ids.toSorted()).toEqual([...ids, other].toSorted());
  });

  test('posts the second time only what is still missing', async () => {
    const { visitor, graph, clock, turnAt, ids, id } = atTurn(3);
    graph.answer = (call, at) => (call.id === id ? failed(at) : renewed(at));
    const againAt = await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(graph.ids.toSorted()).toEqual(ids.toSorted());
    expect(againAt).toBe(turnAt + 1 * SECOND);
    clock.set(againAt ?? 0);
    graph.answer = (_, at) => renewed(at);
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBeNull();
    expect(graph.ids.slice(3)).toEqual([id]);
  });

  test('by two replicas at once does each call no harm, and the newest renewal counts', async () => {
    const { visitor, store, graph, clock, turnAt, ids, id } = atTurn(1);
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    graph.answer = async (_, at) => {
      await gates[graph.sent.length - 1]?.promise;
      return renewed(at);
    };
    const { visitor: other } = aVisitorOf(store, { sender: graph, clock });
    const first = visitor.visitSlot(SLOT, turnAt, NEVER);
    await idle();
    clock.set(turnAt + 5);
    const second = other.visitSlot(SLOT, turnAt, NEVER);
    await idle();
    gates[1]?.resolve();
    await second;
    gates[0]?.resolve();
    await first;
    expect(graph.ids).toEqual([...ids, ...ids]);
    expect(store.get(id)?.renewedAt).toBe(turnAt + 5);
  });

  test('by two visits of one replica at once posts each call once', async () => {
    const { visitor, graph, turnAt, ids } = atTurn(3);
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      await gate.promise;
      return renewed(at);
    };
    const visits = [1, 2].map(() => visitor.visitSlot(SLOT, turnAt, NEVER));
    await idle();
    gate.resolve();
    await Promise.all(visits);
    expect(graph.ids.toSorted()).toEqual(ids.toSorted());
  });

  test('counts a renewal from its sending, however slow the answer', async () => {
    const { visitor, store, graph, clock, turnAt, id } = atTurn(1);
    graph.answer = (_, at) => {
      clock.set(at + 9 * SECOND);
      return renewed(at);
    };
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(store.get(id)?.renewedAt).toBe(turnAt);
  });

  test('drops a call at once that Graph says is over, and tells of it once', async () => {
    const { visitor, store, graph, told, turnAt, id } = atTurn(1);
    graph.answer = (_, at) => ended(at);
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBeNull();
    expect(store.get(id)).toBeNull();
    expect(store.gone.get(id)).toMatchObject({ removal: 'ended', lastError: { code: '8522' } });
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(graph.ids).toEqual([id]);
    expect(told.removals).toEqual([{ id, removal: 'ended' }]);
  });

  test('does not remove by a late 404 a call that was tracked again', async () => {
    const { visitor, store, graph, told, turnAt, id } = atTurn(1);
    graph.answer = (call, at) => {
      store.put({ ...call, registration: 'r2' });
      return ended(at);
    };
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(store.get(id)?.registration).toBe('r2');
    expect(told.removals).toEqual([]);
  });

  test('does not raise from the dead a call that was stopped meanwhile', async () => {
    const { visitor, store, graph, turnAt, id } = atTurn(1);
    graph.answer = (_, at) => {
      store.calls.delete(id);
      return renewed(at);
    };
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(store.get(id)).toBeNull();
  });

  test('does not post what is known to have left since it was read', async () => {
    const { visitor, graph, turnAt } = atTurn(2, {
      isOutdated: ({ call }) => call.id === idIn(SLOT, 0),
    });
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(graph.ids).toEqual([idIn(SLOT, 1)]);
  });

  test('gives up a call past its deadline only after one more failure', async () => {
    const { visitor, store, graph, told, turnAt, put, id } = atTurn(1);
    put(id, { renewedAt: turnAt - DEADLINE_MS - MINUTE });
    graph.answer = (_, at) => failed(at);
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBeNull();
    expect(graph.ids).toEqual([id]);
    expect(store.gone.get(id)?.removal).toBe('expired');
    expect(told.removals).toEqual([{ id, removal: 'expired' }]);
  });

  test('tells once of a call that comes near its deadline', async () => {
    const { visitor, graph, told, clock, turnAt, put, id } = atTurn(1);
    put(id, { renewedAt: turnAt - 31 * MINUTE });
    graph.answer = (_, at) => failed(at);
    clock.set((await visitor.visitSlot(SLOT, turnAt, NEVER)) ?? 0);
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(graph.ids).toEqual([id, id]);
    expect(told.risks).toEqual([id]);
  });

  test('stops a call when its trackUntil has come, and comes again for one whose time is near', async () => {
    const { visitor, store, graph, told, clock, turnAt, put, ids } = atTurn(2);
    const [over = '', soon = ''] = ids;
    put(over, { trackUntil: turnAt });
    put(soon, { trackUntil: turnAt + 7 * MINUTE });
    const againAt = await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(graph.ids).toEqual([soon]);
    expect(store.gone.get(over)?.removal).toBe('untracked');
    expect(againAt).toBe(turnAt + 7 * MINUTE);
    clock.set(againAt ?? 0);
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBeNull();
    expect(told.removals.map(({ id }) => id)).toEqual([over, soon]);
    expect(graph.ids).toEqual([soon]);
  });

  test('does not stop a call whose tracking was prolonged in that very moment', async () => {
    const { visitor, store, told, turnAt, put, id } = atTurn(1);
    put(id, { trackUntil: turnAt });
    const read = store.readSlot.bind(store);
    store.readSlot = async (slot) => {
      const entries = await read(slot);
      put(id, { trackUntil: turnAt + 60 * MINUTE, registration: 'r2' });
      return entries;
    };
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(store.get(id)?.registration).toBe('r2');
    expect(told.removals).toEqual([]);
  });

  test('ends quietly when the next turn has begun', async () => {
    const { visitor, graph, clock, turnAt } = atTurn(1);
    clock.set(turnAt + WHEEL.intervalMs);
    graph.answer = (_, at) => failed(at);
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBeNull();
    expect(graph.sent).toHaveLength(1);
  });

  test('leaves alone a turn that is far from come, of a job taken by a machine whose clock is wrong', async () => {
    const { visitor, graph, clock, turnAt } = atTurn(1);
    clock.set(turnAt - SKEW_MS - 1);
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBeNull();
    expect(graph.sent).toEqual([]);
  });

  test('waits for its turn where the job came a little early, so that what is sent counts for it', async () => {
    const { visitor, store, graph, clock, turnAt, id } = atTurn(1);
    clock.set(turnAt - 7);
    expect(await clock.through(visitor.visitSlot(SLOT, turnAt, NEVER))).toBeNull();
    expect(graph.sent).toMatchObject([{ id, at: turnAt }]);
    expect(store.get(id)?.renewedAt).toBe(turnAt);
  });

  test('forgets calls that left more than a day ago', async () => {
    const { visitor, store, turnAt } = atTurn(0);
    const asked: [number, number][] = [];
    store.forgetGone = async (slot, before) => void asked.push([slot, before]);
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(asked).toEqual([[SLOT, turnAt - 24 * 60 * MINUTE]]);
  });
});

describe('a visit of a slot with many calls', () => {
  test('posts a few at once', async () => {
    const { visitor, graph, clock, turnAt } = atTurn(15);
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(clock.slept).toEqual([]);
    expect(new Set(graph.sent.map(({ at }) => at))).toEqual(new Set([turnAt]));
  });

  test('is spread over the width of the slot, evenly and no further', async () => {
    const { visitor, graph, clock, turnAt } = atTurn(200);
    await clock.through(visitor.visitSlot(SLOT, turnAt, NEVER));
    const width = slotWidthMs(WHEEL);
    const at = graph.sent.map((sent) => sent.at - turnAt);
    expect(at).toHaveLength(200);
    for (const [i, instant] of at.entries()) {
      expect(Math.abs(instant - (i / 200) * width)).toBeLessThanOrEqual(2);
    }
  });

  test('is not spread any more where the visit is late: there is nothing to wait for', async () => {
    const { visitor, graph, clock, turnAt } = atTurn(40);
    clock.set(turnAt + slotWidthMs(WHEEL));
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(clock.slept).toEqual([]);
    expect(graph.sent).toHaveLength(40);
  });

  test('begins with the nearest deadline', async () => {
    const { visitor, graph, clock, turnAt, put, ids } = atTurn(30);
    for (const [i, id] of ids.entries()) put(id, { renewedAt: turnAt - 15 * MINUTE - i * SECOND });
    await clock.through(visitor.visitSlot(SLOT, turnAt, NEVER));
    expect(graph.ids).toEqual(ids.toReversed());
  });

  test('never has more requests under way than there are places', async () => {
    const { visitor, graph, clock, turnAt } = atTurn(60, { lanes: new Lanes(4) });
    clock.set(turnAt + slotWidthMs(WHEEL));
    graph.answer = async (_, at) => {
      await idle();
      return renewed(at);
    };
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(graph.sent).toHaveLength(60);
    expect(graph.mostInFlight).toBe(4);
  });
});

describe('a visit that is told to stop', () => {
  test('finishes and writes what is in flight, begins no more, and wants to run again at once', async () => {
    const { visitor, store, graph, clock, turnAt, ids } = atTurn(20, { lanes: new Lanes(5) });
    clock.set(turnAt + slotWidthMs(WHEEL));
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      await gate.promise;
      return renewed(at);
    };
    const stop = new AbortController();
    const visit = visitor.visitSlot(SLOT, turnAt, stop.signal);
    await idle();
    stop.abort();
    gate.resolve();
    expect(await visit).toBe(clock.now());
    expect(graph.sent).toHaveLength(5);
    expect(ids.filter((id) => store.get(id)?.renewedAt === clock.now())).toHaveLength(5);

    graph.answer = (_, at) => renewed(at);
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBeNull();
    expect(graph.ids.toSorted()).toEqual(ids.toSorted());
  });

  test('does not wait for the rest of the slot’s width', async () => {
    const { visitor, graph, clock, turnAt } = atTurn(100);
    const stop = new AbortController();
    const visit = visitor.visitSlot(SLOT, turnAt, stop.signal);
    await idle();
    stop.abort();
    expect(await visit).toBe(clock.now());
    expect(clock.now()).toBe(turnAt);
    expect(graph.sent.length).toBeLessThan(3);
  });
});

describe('a visit whose store does not answer', () => {
  test('rejects with what the store rejects with, before anything is posted', async () => {
    const { visitor, store, graph, turnAt } = atTurn(2);
    store.before = () => {
      throw new StoreUnavailableError('out');
    };
    await expect(visitor.visitSlot(SLOT, turnAt, NEVER)).rejects.toThrow(StoreUnavailableError);
    expect(graph.sent).toEqual([]);
  });

  test('in the middle rejects, begins no more, and loses no call: made again, it posts what was not written', async () => {
    const { visitor, store, graph, clock, turnAt, ids } = atTurn(600, { lanes: new Lanes(10) });
    clock.set(turnAt + slotWidthMs(WHEEL));
    graph.answer = async (_, at) => {
      await idle();
      return renewed(at);
    };
    store.before = (op) => {
      if (op === 'write') throw new StoreUnavailableError('out');
    };
    await expect(visitor.visitSlot(SLOT, turnAt, NEVER)).rejects.toThrow(StoreUnavailableError);
    expect(graph.sent.length).toBeLessThan(600);
    expect(store.calls.size).toBe(600);
    store.before = () => undefined;
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBeNull();
    for (const id of ids) expect(store.get(id)?.renewedAt).toBeGreaterThanOrEqual(turnAt);
  });

  test('after it has written does no harm by being made again', async () => {
    const { visitor, store, graph, told, turnAt, ids } = atTurn(2);
    const [first = '', second = ''] = ids;
    graph.answer = (call, at) => (call.id === first ? ended(at) : renewed(at));
    store.afterWrite = () => {
      throw new StoreUnavailableError('the answer was lost');
    };
    await expect(visitor.visitSlot(SLOT, turnAt, NEVER)).rejects.toThrow('the answer was lost');
    store.afterWrite = () => undefined;
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBeNull();
    expect(graph.ids.toSorted()).toEqual(ids.toSorted());
    expect(store.get(second)?.renewedAt).toBe(turnAt);
    expect(store.gone.has(first)).toBe(true);
    expect(told.removals.length).toBeLessThanOrEqual(1);
  });
});

describe('the visit of calls just tracked', () => {
  function justTracked(count = 1, more: Partial<Call> = {}) {
    const world = atTurn(0);
    const now = world.turnAt + 2 * MINUTE;
    world.clock.set(now);
    const ids = idsIn(SLOT, count);
    for (const id of ids) {
      world.store.put(aCall({ id, trackedAt: now, retryAt: now + POLICY.firstMs, ...more }));
    }
    return { ...world, now, ids, id: ids[0] ?? '' };
  }

  test('posts them at once, though their slot’s visit leaves them alone for a grace', async () => {
    const { visitor, store, graph, turnAt, now, ids, id } = justTracked(2);
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(graph.sent).toEqual([]);
    expect(await visitor.visitNew(ids, NEVER)).toBeNull();
    expect(graph.ids.toSorted()).toEqual(ids.toSorted());
    expect(store.get(id)).toMatchObject({ renewedAt: now, retryAt: null });
  });

  test('tries again after the back-off, not before', async () => {
    const { visitor, graph, clock, now, ids } = justTracked();
    graph.answer = (_, at) => throttled(at, 90 * SECOND);
    expect(await visitor.visitNew(ids, NEVER)).toBe(now + 90 * SECOND);
    clock.set(now + 30 * SECOND);
    expect(await visitor.visitNew(ids, NEVER)).toBe(now + 90 * SECOND);
    expect(graph.sent).toHaveLength(1);
    clock.set(now + 90 * SECOND);
    await visitor.visitNew(ids, NEVER);
    expect(graph.sent).toHaveLength(2);
  });

  test('has nothing to do with those that are renewed, stopped or gone meanwhile', async () => {
    const { visitor, store, graph, now, ids } = justTracked(2, { renewedAt: 1 });
    const [renewedOne = ''] = ids;
    store.put(aCall({ id: renewedOne, trackedAt: now, renewedAt: now }));
    expect(await visitor.visitNew([renewedOne, 'call-none'], NEVER)).toBeNull();
    expect(graph.sent).toEqual([]);
  });

  test('leaves them to the slot’s own visits once its turn and a grace have passed', async () => {
    const { visitor, graph, clock, turnAt, ids } = justTracked();
    graph.answer = (_, at) => failed(at);
    const nextTurnAt = turnAt + WHEEL.intervalMs;
    clock.set(nextTurnAt + POLICY.firstMs);
    expect(await visitor.visitNew(ids, NEVER)).toBeNull();
    expect(graph.sent).toEqual([]);
    await visitor.visitSlot(SLOT, nextTurnAt, NEVER);
    expect(graph.ids).toEqual(ids);
  });

  test('is not asked for again and again where the slot’s own visit has nothing to do with it', async () => {
    const { visitor, store, graph, clock, turnAt, ids, id } = justTracked();
    await visitor.visitNew(ids, NEVER);
    graph.answer = (_, at) => failed(at);
    const [entry] = await store.find([id]);
    if (!entry) throw new Error('not there');
    await visitor.visitOne(entry); // as POST /calls/{id}/keepAlive does, while Graph is unwell
    expect(store.get(id)).toMatchObject({ consecutiveFailures: 1 });
    clock.set(clock.now() + MINUTE);
    let visits = 0;
    for (let at: number | null = clock.now(); at !== null && visits < 100; visits++) {
      clock.set(Math.max(clock.now(), at));
      graph.answer = (_, sentAt) => renewed(sentAt);
      at = await visitor.visitSlot(SLOT, turnAt, NEVER);
    }
    expect(visits).toBeLessThan(5);
  });

  test('lost by its replica is made up for by the slot’s visit when the grace is over', async () => {
    const { visitor, graph, clock, turnAt, now, ids } = justTracked();
    const againAt = await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(againAt).toBe(now + POLICY.firstMs);
    clock.set(againAt ?? 0);
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(graph.ids).toEqual(ids);
  });

  test('stops those whose trackUntil comes before the slot’s next turn', async () => {
    const { visitor, store, graph, clock, now, ids, id } = justTracked(1);
    store.put({ ...(store.get(id) as Call), trackUntil: now + MINUTE });
    const againAt = await visitor.visitNew(ids, NEVER);
    expect(againAt).toBe(now + MINUTE);
    clock.set(againAt ?? 0);
    expect(await visitor.visitNew(ids, NEVER)).toBeNull();
    expect(store.gone.get(id)?.removal).toBe('untracked');
    expect(graph.sent).toHaveLength(1);
  });

  test('also of those that were renewed long ago, which it does not post for it', async () => {
    const { visitor, store, graph, clock, turnAt, now, ids, id } = justTracked(1);
    const known = { trackedAt: turnAt - 60 * MINUTE, renewedAt: turnAt - MINUTE };
    store.put({ ...(store.get(id) as Call), ...known, retryAt: null, trackUntil: now + MINUTE });
    expect(await visitor.visitNew(ids, NEVER)).toBe(now + MINUTE);
    clock.set(now + MINUTE);
    expect(await visitor.visitNew(ids, NEVER)).toBeNull();
    expect(store.gone.get(id)?.removal).toBe('untracked');
    expect(graph.sent).toEqual([]);
  });

  test('told to stop wants to run again at once', async () => {
    const { visitor, graph, clock, ids } = justTracked();
    expect(await visitor.visitNew(ids, AbortSignal.abort())).toBe(clock.now());
    expect(graph.sent).toEqual([]);
  });
});

describe('one keepAlive outside the schedule', () => {
  test('is posted whatever the schedule says, and its effect is given back', async () => {
    const { visitor, store, clock, turnAt, put, id } = atTurn(1);
    put(id, { renewedAt: turnAt + 1 });
    clock.set(turnAt + 5);
    const [entry] = await store.find([id]);
    if (!entry) throw new Error('not there');
    const { outcome, effect } = await visitor.visitOne(entry);
    expect(outcome).toEqual(renewed(turnAt + 5));
    expect(effect).toMatchObject({ next: { renewedAt: turnAt + 5 } });
  });
});

describe('a slot', () => {
  const anInstant = (turnAt: number) =>
    fc.oneof(
      fc.integer({ min: turnAt - 46 * MINUTE, max: turnAt + 15 * MINUTE }),
      fc.integer({ min: turnAt - 2 * SECOND, max: turnAt + 2 * SECOND }),
    );

  test('is never visited in a hot loop, whatever stands in it', async () => {
    const turnAt = turnAtOrBefore(SLOT, 1_770_000_000_000, WHEEL);
    const someCall = fc
      .record({
        trackedAt: anInstant(turnAt),
        renewedAt: fc.option(anInstant(turnAt)),
        retryAt: fc.option(anInstant(turnAt)),
        trackUntil: fc.option(anInstant(turnAt)),
        startedAt: fc.option(anInstant(turnAt)),
        failures: fc.integer({ min: 1, max: 5 }),
      })
      // Only a call that fails, or was never renewed, has a next attempt.
      .map(({ failures, ...call }) => ({
        ...call,
        consecutiveFailures: call.retryAt !== null && call.renewedAt !== null ? failures : 0,
      }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(someCall, { maxLength: 5 }),
        fc.infiniteStream(fc.constantFrom('renewed', 'failed', 'throttled', 'ended')),
        fc.nat({ max: 15 * MINUTE }),
        async (calls, answers, lateMs) => {
          const { visitor, store, graph, clock } = aWorld();
          for (const [i, call] of calls.entries()) store.put(aCall({ id: idIn(SLOT, i), ...call }));
          graph.answer = (_, at) => {
            const answer = answers.next().value;
            if (answer === 'renewed') return renewed(at);
            if (answer === 'ended') return ended(at);
            return answer === 'failed' ? failed(at) : throttled(at, 2_128);
          };
          clock.set(turnAt + lateMs);
          let idleVisits = 0;
          for (let at: number | null = clock.now(); at !== null; ) {
            clock.set(Math.max(clock.now(), at));
            const sent = graph.sent.length;
            const stood = store.calls.size;
            at = await visitor.visitSlot(SLOT, turnAt, NEVER);
            // To come again so soon is only right where something was done or is to be done then.
            if (graph.sent.length === sent && store.calls.size === stood) idleVisits++;
            if (at !== null) {
              expect(at).toBeGreaterThan(clock.now());
              expect(at).toBeLessThanOrEqual(turnAt + WHEEL.intervalMs + SECOND);
            }
          }
          expect(idleVisits).toBeLessThanOrEqual(2 + calls.length);
          expect(graph.sent.length).toBeLessThan(200 * (1 + calls.length));
        },
      ),
      { numRuns: 300 },
    );
  });
});
