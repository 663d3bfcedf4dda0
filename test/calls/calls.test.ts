import { describe, expect, test } from 'vitest';
import { CursorError } from '../../src/calls/listing.ts';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import {
  aCall,
  aGoneCall,
  DEADLINE_MS,
  ended,
  failed,
  MINUTE,
  NOW,
  POLICY,
  renewed,
  TENANT,
} from './fixture.ts';
import { aRegistry, ID, out, SECOND_TENANT } from './registry.ts';

describe('tracking', () => {
  test('a new call registers it and asks for its first keepAlive', async () => {
    const { calls, store, told, asked } = aRegistry();
    const [result] = await calls.track([{ id: ID, labels: { bot: 'b' } }]);
    const call = store.get(ID);
    expect(call).toMatchObject({
      id: ID,
      labels: { bot: 'b' },
      trackedAt: NOW,
      retryAt: NOW + POLICY.firstMs,
    });
    expect(result).toEqual({ kind: 'created', call, durable: true });
    expect(asked).toEqual([[ID]]);
    expect(told.trackings).toEqual([{ id: ID, isNew: true }]);
  });

  test('a known call updates it under a new registration, and keeps its renewals', async () => {
    const { calls, store, told, asked } = aRegistry();
    store.put(aCall({ trackedAt: NOW - MINUTE, renewedAt: NOW - 5 }));
    const trackUntil = NOW + 60 * MINUTE;
    const [result] = await calls.track([{ id: ID, trackUntil }]);
    expect(result).toMatchObject({
      kind: 'updated',
      call: { trackedAt: NOW - MINUTE, renewedAt: NOW - 5, trackUntil },
    });
    expect(store.get(ID)?.registration).not.toBe('r1');
    expect(asked).toEqual([]);
    expect(told.trackings).toEqual([{ id: ID, isNew: false }]);
  });

  test('a known call without a body changes nothing and publishes nothing, but makes a new registration', async () => {
    const { calls, store, told } = aRegistry();
    const known = aCall({
      ...{ app: 'second', tenantId: TENANT, tenantIsDefault: false },
      ...{ labels: { a: 'b' }, trackUntil: NOW + 60 * MINUTE, renewedAt: NOW - 5 },
    });
    store.put(known);
    const tells: unknown[] = [];
    const write = store.write.bind(store);
    store.write = (changes) => {
      tells.push(...changes.map((change) => ('next' in change ? change.tell : 'gone')));
      return write(changes);
    };
    // Also if it repeats what is known.
    for (const request of [{ id: ID }, { id: ID, app: 'second', labels: { a: 'b' } }]) {
      const [result] = await calls.track([request]);
      const registration = expect.any(String) as string;
      expect(result).toEqual({ kind: 'updated', durable: true, call: { ...known, registration } });
    }
    expect(tells).toEqual([undefined, undefined]);
    expect(told.trackings).toEqual([]);
    // A stop that another replica took before must not win over it.
    expect((store.get(ID)?.registration ?? '') > known.registration).toBe(true);
  });

  test('a failing call in another tenant or app is tried there at once', async () => {
    const { calls, store, asked } = aRegistry();
    const failing = { renewedAt: NOW - 5, consecutiveFailures: 2, retryAt: NOW + 9 * MINUTE };
    for (const word of [{ tenantId: SECOND_TENANT }, { app: 'second' }]) {
      store.put(aCall(failing));
      await calls.track([{ id: ID, ...word }]);
      await calls.track([{ id: ID, labels: { a: 'b' } }]);
    }
    store.put(aCall(failing));
    await calls.track([{ id: ID, labels: { a: 'b' } }]);
    // Until it was tried, each repeat asks for it.
    expect(asked).toEqual([[ID], [ID], [ID], [ID]]);
  });

  test('again with an end before its slot’s turn has it visited in time for that', async () => {
    const { calls, store, asked, planned } = aRegistry();
    store.put(aCall({ renewedAt: NOW - 5 }));
    await calls.track([{ id: ID, trackUntil: NOW + 1 }]);
    expect(asked).toEqual([]);
    expect(planned).toEqual([ID]);
  });

  test('again a call that has left begins anew', async () => {
    const { calls, store } = aRegistry();
    store.gone.set(ID, aGoneCall({ trackedAt: NOW - MINUTE, renewedAt: NOW - 5 }));
    const [result] = await calls.track([{ id: ID }]);
    expect(result).toMatchObject({ kind: 'created', call: { trackedAt: NOW, renewedAt: null } });
    expect(await calls.find(ID)).not.toHaveProperty('removal');
  });

  test('several calls gives a result for each in their order, and refuses only what is wrong', async () => {
    const { calls, store, asked } = aRegistry();
    store.put(aCall({ id: 'call-0002', renewedAt: NOW }));
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
    expect([...store.calls.keys()].toSorted()).toEqual(['call-0001', 'call-0002', 'call-0006']);
    expect(asked).toEqual([['call-0001', 'call-0006']]);
  });

  test('an id twice in one request takes the last, and says the same of both', async () => {
    const { calls, store, told } = aRegistry();
    const results = await calls.track([
      { id: ID, labels: { take: '1' } },
      { id: ID, labels: { take: '2' } },
      { id: ID, app: 'none' },
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['created', 'created', 'invalid']);
    expect(results[0]).toEqual(results[1]);
    expect(store.get(ID)?.labels).toEqual({ take: '2' });
    expect(told.trackings).toEqual([{ id: ID, isNew: true }]);
  });

  test('an id twice in one request is like two requests, the second of which names some fields', async () => {
    const { calls, store } = aRegistry();
    const trackUntil = NOW + MINUTE;
    await calls.track([
      { id: ID, app: 'second', labels: { a: '1', b: '2' }, trackUntil },
      { id: ID, labels: { a: '3' }, app: undefined },
      { id: ID, trackUntil: null },
    ]);
    expect(store.get(ID)).toMatchObject({ app: 'second', labels: { a: '3' }, trackUntil: null });
    expect(store.get(ID)?.labels).toEqual({ a: '3' });
  });

  test('nothing does nothing', async () => {
    const { calls, asked } = aRegistry();
    expect(await calls.track([])).toEqual([]);
    expect(asked).toEqual([]);
  });

  test('while another does makes one of them new and the other an update', async () => {
    const { calls, store } = aRegistry();
    const both = await Promise.all([calls.track([{ id: ID }]), calls.track([{ id: ID }])]);
    expect(both.map(([result]) => result?.kind).toSorted()).toEqual(['created', 'updated']);
    expect(store.calls.size).toBe(1);
  });
});

describe('stopping', () => {
  test('a call takes it off the schedule and tells of it', async () => {
    const { calls, store, told } = aRegistry();
    store.put(aCall());
    expect(await calls.untrack(ID)).toEqual({ durable: true, stopped: true });
    expect(store.get(ID)).toBeNull();
    expect(store.gone.get(ID)).toMatchObject({ removal: 'untracked', goneAt: NOW });
    expect(told.removals).toEqual([{ id: ID, removal: 'untracked' }]);
  });

  test('an unknown call is as good as done', async () => {
    const { calls, told } = aRegistry();
    expect(await calls.untrack(ID)).toEqual({ durable: true, stopped: false });
    expect(told.removals).toEqual([]);
  });

  test('a call that is tracked again in that moment stops that registration as well', async () => {
    const { calls, store } = aRegistry();
    store.put(aCall());
    store.before = (op) => {
      if (op !== 'write') return;
      store.before = () => undefined;
      store.put(aCall({ registration: 'r2' }));
    };
    await calls.untrack(ID);
    expect(store.get(ID)).toBeNull();
    expect(store.gone.get(ID)?.registration.startsWith('r2')).toBe(true);
  });
});

describe('a call is found', () => {
  test('while it is tracked, and as gone when it has left', async () => {
    const { calls, store } = aRegistry();
    expect(await calls.find(ID)).toBeNull();
    store.put(aCall());
    expect(await calls.find(ID)).toEqual(aCall());
    await calls.untrack(ID);
    expect(await calls.find(ID)).toMatchObject({ id: ID, removal: 'untracked' });
  });

  test('in the list, which refuses a cursor that is none', async () => {
    const { calls, store } = aRegistry();
    store.put(aCall());
    const page = await calls.list({ state: 'tracked', labels: [], limit: 10 });
    expect(page).toEqual({ calls: [aCall()], next: null });
    await expect(
      calls.list({ state: 'tracked', labels: [], limit: 10, cursor: '?' }),
    ).rejects.toThrow(CursorError);
  });
});

describe('one keepAlive now', () => {
  test('of an unknown call is none', async () => {
    const { calls, graph } = aRegistry();
    expect(await calls.keepAliveNow(ID)).toBeNull();
    expect(graph.sent).toEqual([]);
  });

  test('that succeeds gives the renewed call', async () => {
    const { calls, store } = aRegistry();
    store.put(aCall({ trackedAt: NOW - MINUTE }));
    expect(await calls.keepAliveNow(ID)).toEqual({
      outcome: renewed(NOW),
      call: aCall({ trackedAt: NOW - MINUTE, renewedAt: NOW }),
    });
  });

  test('that Graph answers with its own 404 takes the call off the schedule', async () => {
    const { calls, store, graph, told } = aRegistry();
    store.put(aCall());
    graph.answer = (_, at) => ended(at);
    expect(await calls.keepAliveNow(ID)).toMatchObject({
      outcome: { kind: 'ended' },
      call: { removal: 'ended' },
    });
    expect(store.get(ID)).toBeNull();
    expect(told.removals).toEqual([{ id: ID, removal: 'ended' }]);
  });

  test('that fails keeps the call, and counts', async () => {
    const { calls, store, graph } = aRegistry();
    store.put(aCall({ renewedAt: NOW - MINUTE }));
    graph.answer = (_, at) => failed(at);
    const result = await calls.keepAliveNow(ID);
    expect(result).toMatchObject({ outcome: { kind: 'failed' }, call: { consecutiveFailures: 1 } });
    expect(result).toEqual({ outcome: failed(NOW), call: store.get(ID) });
  });

  test('gives the call as it stands, where the outcome changes nothing any more', async () => {
    const { calls, store, graph } = aRegistry();
    store.put(aCall());
    const again = aCall({ registration: 'r2', labels: { take: '2' } });
    graph.answer = (_, at) => {
      store.put(again);
      return ended(at);
    };
    expect(await calls.keepAliveNow(ID)).toMatchObject({ call: again });
  });
});

describe('the last word on a call', () => {
  test('is the one that the bot said last, though the clock stands still, or was set back', async () => {
    const { calls, store, clock } = aRegistry();
    const said: string[] = [];
    for (let times = 0; times < 3; times++) {
      await calls.track([{ id: ID }]);
      said.push(store.get(ID)?.registration ?? '');
      await calls.untrack(ID);
      said.push(store.gone.get(ID)?.registration ?? '');
      await calls.untrack(ID);
      said.push(store.gone.get(ID)?.registration ?? '');
      clock.set(clock.now() - 1_000);
    }
    expect(said).toEqual(said.toSorted());
    expect(new Set(said).size).toBe(said.length);
  });
});

describe('while the shared registry does not answer', () => {
  test('tracking is taken by this replica alone, and says so', async () => {
    const { calls, own, asked, store } = aRegistry();
    out(store);
    const [result] = await calls.track([{ id: ID }]);
    expect(result).toMatchObject({ kind: 'created', durable: false });
    expect(own.get(ID)).not.toBeNull();
    expect(asked).toEqual([[ID]]);
  });

  test('stopping is too, also of a call that this replica does not know', async () => {
    const { calls, own, store } = aRegistry();
    out(store);
    own.put(aCall());
    expect(await calls.untrack(ID)).toEqual({ durable: false, stopped: true });
    expect(own.get(ID)).toBeNull();
    expect(await calls.untrack('call-0002')).toEqual({ durable: false, stopped: false });
    expect(own.gone.get('call-0002')).toMatchObject({ removal: 'untracked', app: '' });
    expect(await calls.find('call-0002')).toBeNull();
  });

  test('reads are answered from what this replica knows', async () => {
    const { calls, own, store, graph } = aRegistry();
    out(store);
    own.put(aCall({ renewedAt: NOW - DEADLINE_MS / 2 }));
    expect(await calls.find(ID)).toMatchObject({ id: ID });
    store.readSlot = () => Promise.reject(new StoreUnavailableError('out'));
    expect((await calls.list({ state: 'tracked', labels: [], limit: 5 })).calls).toHaveLength(1);
    expect(await calls.keepAliveNow(ID)).toMatchObject({ outcome: { kind: 'renewed' } });
    expect(graph.ids).toEqual([ID]);
  });

  test('and while it has yet to learn of a call, that call is read from what is known here', async () => {
    const { calls, own, store } = aRegistry({ isUnsaved: (id) => id === ID });
    own.put(aCall());
    expect(await calls.find(ID)).toMatchObject({ id: ID });
    expect(calls.isDurable(ID)).toBe(false);
    expect(await calls.keepAliveNow(ID)).toMatchObject({ outcome: { kind: 'renewed' } });
    store.put(aCall({ id: 'call-0002' }));
    expect(await calls.find('call-0002')).toMatchObject({ id: 'call-0002' });
    expect(calls.isDurable('call-0002')).toBe(true);
  });

  test('what is wrong with the request is still said, and what is a fault of ours is not hidden', async () => {
    const { calls, store } = aRegistry();
    out(store);
    expect(await calls.track([{ id: ID, app: 'none' }])).toMatchObject([
      { kind: 'invalid', field: 'app' },
    ]);
    store.before = () => {
      throw new TypeError('a bug');
    };
    await expect(calls.find(ID)).rejects.toThrow(TypeError);
  });
});
