import { describe, expect, test } from 'vitest';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { ALL_APPS, stateOf } from '../../src/calls/record.ts';
import {
  aCall,
  aRemovedCall,
  DEADLINE_MS,
  ended,
  failed,
  MINUTE,
  NOW,
  renewed,
  TENANT,
} from './fixture.ts';
import { ID, SECOND_TENANT, someCalls } from './registry.ts';

describe('tracking', () => {
  test('a new call registers it and asks for its first keepAlive', async () => {
    const { calls, get, told, asked } = someCalls();
    const [result] = await calls.track([{ id: ID, labels: { bot: 'b' } }]);
    const call = get(ID);
    expect(call).toMatchObject({ id: ID, labels: { bot: 'b' }, trackedAt: NOW });
    expect(result).toEqual({ kind: 'created', call, durable: true });
    expect(asked).toEqual([[ID]]);
    expect(told.trackings).toEqual([{ id: ID, isNew: true }]);
  });

  test('a known call updates it under a new generation, and keeps its renewals', async () => {
    const { calls, put, get, told, asked } = someCalls();
    put(aCall({ trackedAt: NOW - MINUTE, renewedAt: NOW - 5 }));
    const trackUntil = NOW + 60 * MINUTE;
    const [result] = await calls.track([{ id: ID, trackUntil }]);
    expect(result).toMatchObject({
      kind: 'updated',
      call: { trackedAt: NOW - MINUTE, renewedAt: NOW - 5, trackUntil },
    });
    expect(get(ID)?.generation).not.toBe('r1');
    expect(asked).toEqual([]);
    expect(told.trackings).toEqual([{ id: ID, isNew: false }]);
  });

  test('a known call without a change makes a new generation, but publishes nothing', async () => {
    const { calls, put, get, told, redis } = someCalls();
    const known = aCall({
      ...{ app: 'second', tenantId: TENANT, tenantIsDefault: false, trackedAt: NOW - MINUTE },
      ...{ labels: { a: 'b' }, trackUntil: NOW + 60 * MINUTE, renewedAt: NOW - 5 },
    });
    put(known);
    // Also if it says what is so already.
    for (const request of [{ id: ID }, { id: ID, app: 'second', labels: { a: 'b' } }]) {
      const [result] = await calls.track([request]);
      const generation = expect.any(String) as string;
      expect(result).toEqual({ kind: 'updated', durable: true, call: { ...known, generation } });
    }
    expect(redis.published).toEqual([]);
    expect(told.trackings).toEqual([]);
    // A stop that another replica took before must not win over it.
    expect((get(ID)?.generation ?? '') > known.generation).toBe(true);
  });

  test('a known call in another tenant or by another app tries it there at once', async () => {
    const healthy = { trackedAt: NOW - MINUTE, renewedAt: NOW - 5 };
    const failing = { ...healthy, consecutiveFailures: 2, retryAt: NOW + 9 * MINUTE };
    for (const known of [healthy, failing]) {
      for (const word of [{ tenantId: SECOND_TENANT }, { app: 'second' }]) {
        const { calls, put, asked } = someCalls();
        put(aCall(known));
        await calls.track([{ id: ID, ...word }]);
        expect(asked).toEqual([[ID]]);
      }
    }
    const { calls, put, asked, planned } = someCalls();
    put(aCall(failing));
    await calls.track([{ id: ID, labels: { a: 'b' } }]);
    expect([asked, planned]).toEqual([[], [ID]]);
  });

  test('again with an end before its slot’s turn has it visited in time for that', async () => {
    const { calls, put, asked, planned } = someCalls();
    put(aCall({ trackedAt: NOW - MINUTE, renewedAt: NOW - 5 }));
    await calls.track([{ id: ID, trackUntil: NOW + 1 }]);
    expect(asked).toEqual([]);
    expect(planned).toEqual([ID]);
  });

  test.each(['ended', 'expired', 'untracked'] as const)(
    'a call again that is %s begins afresh',
    async (state) => {
      const { calls, put, asked, told } = someCalls();
      const trackedAt = NOW - MINUTE;
      put(aRemovedCall({ trackedAt, renewedAt: NOW - 6, removedAt: NOW - 5, state }));
      const [result] = await calls.track([{ id: ID }]);
      expect(result).toMatchObject({ kind: 'created', call: { trackedAt: NOW, renewedAt: null } });
      expect(await calls.find(ID)).not.toHaveProperty('state');
      expect(asked).toEqual([[ID]]);
      expect(told.trackings).toEqual([{ id: ID, isNew: true }]);
    },
  );

  test('several calls gives a result for each in their order, and refuses only what is wrong', async () => {
    const { calls, put, redis, asked } = someCalls();
    put(aCall({ id: 'call-0002', renewedAt: NOW }));
    const results = await calls.track([
      { id: 'call-0001' },
      { id: 'call-0002' },
      { id: 'call-0003', app: 'none' },
      { id: 'call-0004', startedAt: NOW + 60 * MINUTE },
      { id: 'call-0005', trackUntil: NOW },
      { id: 'call-0006' },
    ]);
    expect(
      results.map((result) => (result.kind === 'invalid' ? result.field : result.kind)),
    ).toEqual(['created', 'updated', 'app', 'startedAt', 'trackUntil', 'created']);
    expect([...redis.texts.keys()].toSorted()).toEqual(['call-0001', 'call-0002', 'call-0006']);
    expect(asked.flat()).toEqual(['call-0001', 'call-0006']);
  });

  test('an id twice in one request takes the last, and says the same of both', async () => {
    const { calls, get, told } = someCalls();
    const results = await calls.track([
      { id: ID, labels: { take: '1' } },
      { id: ID, labels: { take: '2' } },
      { id: ID, app: 'none' },
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['created', 'created', 'invalid']);
    expect(results[0]).toEqual(results[1]);
    expect(get(ID)?.labels).toEqual({ take: '2' });
    expect(told.trackings).toEqual([{ id: ID, isNew: true }]);
  });

  test('an id twice in one request keeps fields that only the first entry names', async () => {
    const { calls, get } = someCalls();
    const trackUntil = NOW + MINUTE;
    await calls.track([
      { id: ID, app: 'second', labels: { a: '1', b: '2' }, trackUntil },
      { id: ID, labels: { a: '3' }, app: undefined },
      { id: ID, trackUntil: null },
    ]);
    expect(get(ID)).toMatchObject({ app: 'second', trackUntil: null });
    expect(get(ID)?.labels).toEqual({ a: '3' });
  });

  test('nothing does nothing', async () => {
    const { calls, asked } = someCalls();
    expect(await calls.track([])).toEqual([]);
    expect(asked).toEqual([]);
  });

  test('while another request does makes one new and the other an update', async () => {
    let chance = 0;
    const { calls, redis } = someCalls({ random: () => (chance += 0.1) });
    const both = await Promise.all([calls.track([{ id: ID }]), calls.track([{ id: ID }])]);
    expect(both.map(([result]) => result?.kind).toSorted()).toEqual(['created', 'updated']);
    expect(redis.texts.size).toBe(1);
    expect(redis.published.map(({ type }) => type)).toEqual(['tracked']);
  });

  test('a call that a later version of Callkeeper wrote changes nothing, and says so', async () => {
    const { calls, redis, asked } = someCalls();
    redis.texts.set(ID, '2 whatever');
    await expect(calls.track([{ id: ID }])).rejects.toThrow(StoreUnavailableError);
    await expect(calls.untrack(ID)).rejects.toThrow(StoreUnavailableError);
    expect(redis.texts.get(ID)).toBe('2 whatever');
    expect(asked).toEqual([]);
  });
});

describe('stopping', () => {
  test('a call removes it from the schedule and publishes that', async () => {
    const { calls, put, get, removed, told, redis } = someCalls();
    put(aCall());
    expect(await calls.untrack(ID)).toEqual({ durable: true, stopped: true });
    expect(get(ID)).toBeNull();
    expect(removed(ID)).toMatchObject({ state: 'untracked', reason: 'request', removedAt: NOW });
    expect(told.removals).toEqual([{ id: ID, removal: 'untracked' }]);
    expect(redis.published).toMatchObject([{ type: 'untracked', id: ID }]);
  });

  test('an unknown call succeeds', async () => {
    const { calls, told, redis } = someCalls();
    expect(await calls.untrack(ID)).toEqual({ durable: true, stopped: false });
    expect(told.removals).toEqual([]);
    expect(redis.published).toEqual([]);
  });

  test('a call that is stopped already publishes nothing, and keeps when and why it was', async () => {
    const { calls, put, removed, clock, redis } = someCalls();
    put(aRemovedCall({ state: 'untracked', reason: 'notification', removedAt: NOW }));
    clock.set(NOW + MINUTE);
    expect(await calls.untrack(ID)).toEqual({ durable: true, stopped: false });
    expect(removed(ID)).toMatchObject({ reason: 'notification', removedAt: NOW });
    expect(redis.published).toEqual([]);
  });

  test('a call that is tracked again in that moment stops that generation as well', async () => {
    const { calls, put, get, removed, registry, putAtWrite } = someCalls();
    put(aCall());
    putAtWrite(aCall({ generation: 'r2', labels: { take: '2' } }));
    expect(await calls.untrack(ID)).toEqual({ durable: true, stopped: true });
    expect(get(ID)).toBeNull();
    expect(removed(ID)).toMatchObject({ state: 'untracked', labels: { take: '2' } });
    expect((registry.get(ID).stops[ALL_APPS]?.generation ?? '') > 'r2').toBe(true);
  });
});

describe('a call is found', () => {
  test('while it is tracked, and with how it was removed afterwards', async () => {
    const { calls, put } = someCalls();
    expect(await calls.find(ID)).toBeNull();
    put(aCall());
    expect(await calls.find(ID)).toEqual(aCall());
    await calls.untrack(ID);
    expect(await calls.find(ID)).toMatchObject({ id: ID, state: 'untracked' });
  });

  test('if only Redis knows it', async () => {
    const { calls, redis, put, local } = someCalls();
    put(aCall());
    local.drop(ID);
    expect(await calls.find(ID)).toEqual(aCall());
    redis.isAway = true;
    expect(await calls.find(ID)).toEqual(aCall());
  });

  test('in the list', async () => {
    const { calls, put } = someCalls();
    put(aCall());
    const page = await calls.list({ state: 'tracked', labels: [], limit: 10 });
    expect(page).toEqual({ calls: [aCall()], next: null });
  });
});

describe('one keepAlive now', () => {
  test('is not sent for an unknown call', async () => {
    const { calls, graph } = someCalls();
    expect(await calls.keepAliveNow(ID)).toBeNull();
    expect(graph.sent).toEqual([]);
  });

  test('that succeeds gives the renewed call', async () => {
    const { calls, put } = someCalls();
    put(aCall({ trackedAt: NOW - MINUTE }));
    expect(await calls.keepAliveNow(ID)).toEqual({
      outcome: renewed(NOW),
      call: aCall({ trackedAt: NOW - MINUTE, renewedAt: NOW }),
    });
  });

  test('that Graph answers with its own 404 removes the call from the schedule', async () => {
    const { calls, put, get, graph, told } = someCalls();
    put(aCall());
    graph.answer = (_, at) => ended(at);
    expect(await calls.keepAliveNow(ID)).toMatchObject({
      outcome: { kind: 'ended' },
      call: { state: 'ended' },
    });
    expect(get(ID)).toBeNull();
    expect(told.removals).toEqual([{ id: ID, removal: 'ended' }]);
  });

  test('that fails keeps the call, and counts', async () => {
    const { calls, put, get, graph } = someCalls();
    put(aCall({ trackedAt: NOW - MINUTE, renewedAt: NOW - MINUTE }));
    graph.answer = (_, at) => failed(at);
    const result = await calls.keepAliveNow(ID);
    expect(result).toMatchObject({ outcome: { kind: 'failed' }, call: { consecutiveFailures: 1 } });
    expect(result).toEqual({ outcome: failed(NOW), call: get(ID) });
  });

  test('gives the call as it stands if the outcome changes nothing any more', async () => {
    const { calls, put, graph } = someCalls();
    put(aCall());
    const again = aCall({ generation: 'r2', labels: { take: '2' } });
    graph.answer = (_, at) => {
      put(again);
      return ended(at);
    };
    expect(await calls.keepAliveNow(ID)).toMatchObject({ call: again });
  });
});

describe('a call after its first keepAlive', () => {
  test('was renewed, failed, or is unknown to Graph', async () => {
    const { calls, graph } = someCalls();
    const first = async (id: string) => {
      const [tracked] = await calls.track([{ id }]);
      if (!tracked || !('call' in tracked)) throw new Error('it was not tracked');
      return await calls.afterFirst(tracked.call);
    };
    expect(await first('call-0001')).toMatchObject({ isPending: false, call: { renewedAt: NOW } });
    graph.answer = (_, at) => failed(at);
    expect(await first('call-0002')).toMatchObject({
      isPending: false,
      call: { renewedAt: null, consecutiveFailures: 1, lastError: {} },
    });
    graph.answer = (_, at) => ended(at);
    expect(await first('call-0003')).toMatchObject({ isPending: false, call: { state: 'ended' } });
    expect(graph.ids).toEqual(['call-0001', 'call-0002', 'call-0003']);
  });

  test('is there at once if it was renewed before', async () => {
    const { calls, put, graph } = someCalls();
    const call = aCall({ renewedAt: NOW });
    put(call);
    expect(await calls.afterFirst(call)).toEqual({ call, isPending: false });
    expect(graph.sent).toEqual([]);
  });

  test('is pending if there is no outcome', async () => {
    const keepNow = async () => ({ retryAfterMs: 1 });
    const keeper = { keep: () => undefined, plan: () => undefined, keepNow };
    const { calls, put } = someCalls({ keeper });
    const call = aCall();
    put(call);
    expect(await calls.afterFirst(call)).toEqual({ call, isPending: true });
  });
});

describe('the last request for a call', () => {
  test('wins, although the clock stands still or was set back', async () => {
    const { calls, clock, registry } = someCalls();
    const said: string[] = [];
    for (let times = 0; times < 3; times++) {
      await calls.track([{ id: ID }]);
      expect(stateOf(registry.get(ID))).toBe('tracked');
      said.push(registry.get(ID).tracking?.generation ?? '');
      for (let stops = 0; stops < 2; stops++) {
        await calls.untrack(ID);
        expect(stateOf(registry.get(ID))).toBe('untracked');
        said.push(registry.get(ID).stops[ALL_APPS]?.generation ?? '');
      }
      clock.set(clock.now() - 1_000);
    }
    expect(said).toEqual(said.toSorted());
    expect(new Set(said).size).toBe(said.length);
  });
});

describe('while Redis does not answer', () => {
  test('this replica alone accepts a tracking, and says so', async () => {
    const { calls, registry, asked, redis } = someCalls();
    redis.isAway = true;
    const [result] = await calls.track([{ id: ID }]);
    expect(result).toMatchObject({ kind: 'created', durable: false });
    expect(stateOf(registry.get(ID))).toBe('tracked');
    expect(asked).toEqual([[ID]]);
    expect(calls.isDurable(ID)).toBe(false);
  });

  test('this replica alone accepts a stop, also of an unknown call', async () => {
    const { calls, put, registry, redis } = someCalls();
    put(aCall());
    redis.isAway = true;
    expect(await calls.untrack(ID)).toEqual({ durable: false, stopped: true });
    expect(await calls.find(ID)).toMatchObject({ state: 'untracked' });
    expect(await calls.untrack('call-0002')).toEqual({ durable: false, stopped: false });
    expect(registry.get('call-0002').stops).toHaveProperty([ALL_APPS]);
    expect(await calls.find('call-0002')).toBeNull();
  });

  test('reads are answered from what this replica knows', async () => {
    const { calls, put, graph, redis } = someCalls();
    const renewedAt = NOW - DEADLINE_MS / 2;
    put(aCall({ trackedAt: renewedAt, renewedAt }));
    redis.isAway = true;
    expect(await calls.find(ID)).toMatchObject({ id: ID });
    expect((await calls.list({ state: 'tracked', labels: [], limit: 5 })).calls).toHaveLength(1);
    expect(await calls.keepAliveNow(ID)).toMatchObject({ outcome: { kind: 'renewed' } });
    expect(graph.ids).toEqual([ID]);
  });

  test('a call that is tracked is there before Redis learns of it, and durable after', async () => {
    const { calls, put, redis, registry } = someCalls();
    redis.isAway = true;
    await calls.track([{ id: ID }]);
    redis.isAway = false;
    expect(await calls.find(ID)).toMatchObject({ id: ID });
    expect((await calls.list({ state: 'tracked', labels: [], limit: 5 })).calls).toHaveLength(1);
    expect(calls.isDurable(ID)).toBe(false);
    put(aCall({ id: 'call-0002' }));
    expect(await calls.find('call-0002')).toMatchObject({ id: 'call-0002' });
    expect(calls.isDurable('call-0002')).toBe(true);
    expect(await calls.keepAliveNow(ID)).toMatchObject({ outcome: { kind: 'renewed' } });
    expect(await registry.flush()).toBe(true);
    expect(calls.isDurable(ID)).toBe(true);
  });

  test('invalid requests are still refused, and internal errors are not hidden', async () => {
    const { calls, redis } = someCalls();
    redis.isAway = true;
    expect(await calls.track([{ id: ID, app: 'none' }])).toMatchObject([
      { kind: 'invalid', field: 'app' },
    ]);
    redis.before = () => {
      throw new TypeError('a bug');
    };
    await expect(calls.find(ID)).rejects.toThrow(TypeError);
  });
});
