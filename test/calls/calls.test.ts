import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import { Calls, type CallsDeps } from '../../src/calls/calls.ts';
import { CursorError } from '../../src/calls/listing.ts';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import {
  aCall,
  aGoneCall,
  aVisitorOf,
  DEADLINE_MS,
  ended,
  FakeClock,
  failed,
  MemoryStore,
  MINUTE,
  NOW,
  POLICY,
  renewed,
  TENANT,
  Told,
  WHEEL,
} from './fixture.ts';

const ID = 'call-0001';

/** The registry that the replicas share, and this replica's own. */
function aRegistry(over: Partial<CallsDeps> = {}) {
  const clock = new FakeClock();
  const told = new Told();
  const keeping = () => {
    const { store, graph, visitor } = aVisitorOf(new MemoryStore(), { clock, observer: told });
    const asked: string[][] = [];
    const first = {
      request: async (calls: readonly Call[]) => void asked.push(calls.map(({ id }) => id)),
    };
    return { store, graph, visitor, asked, first, observer: told };
  };
  const shared = keeping();
  const own = keeping();
  const calls = new Calls({
    shared,
    own,
    isUnsaved: () => false,
    clock,
    random: () => 0.5,
    configured: () => ({
      apps: new Map([['default', { tenantId: TENANT }]]),
      defaultApp: 'default',
    }),
    reach: null,
    wheel: WHEEL,
    policy: POLICY,
    ...over,
  });
  shared.graph.answer = (_, at) => renewed(at);
  return { calls, clock, told, shared, own, store: shared.store, graph: shared.graph };
}

function out(store: MemoryStore): void {
  store.before = () => {
    throw new StoreUnavailableError('out');
  };
}

describe('tracking', () => {
  test('a new call registers it and asks for its first keepAlive', async () => {
    const { calls, store, shared, told } = aRegistry();
    const [result] = await calls.track([{ id: ID, labels: { bot: 'b' } }]);
    const call = store.get(ID);
    expect(call).toMatchObject({
      id: ID,
      labels: { bot: 'b' },
      trackedAt: NOW,
      retryAt: NOW + POLICY.firstMs,
    });
    expect(result).toEqual({ kind: 'created', call, durable: true });
    expect(shared.asked).toEqual([[ID]]);
    expect(told.trackings).toEqual([{ id: ID, isNew: true }]);
  });

  test('a known call updates it under a new registration, and keeps its renewals', async () => {
    const { calls, store, shared, told } = aRegistry();
    store.put(aCall({ trackedAt: NOW - MINUTE, renewedAt: NOW - 5 }));
    const trackUntil = NOW + 60 * MINUTE;
    const [result] = await calls.track([{ id: ID, trackUntil }]);
    expect(result).toMatchObject({
      kind: 'updated',
      call: { trackedAt: NOW - MINUTE, renewedAt: NOW - 5, trackUntil },
    });
    expect(store.get(ID)?.registration).not.toBe('r1');
    expect(shared.asked).toEqual([]);
    expect(told.trackings).toEqual([{ id: ID, isNew: false }]);
  });

  test('again with an end before its slot’s turn has it visited in time for that', async () => {
    const { calls, store, shared } = aRegistry();
    store.put(aCall({ renewedAt: NOW - 5 }));
    await calls.track([{ id: ID, trackUntil: NOW + 1 }]);
    expect(shared.asked).toEqual([[ID]]);
  });

  test('again a call that has left begins anew', async () => {
    const { calls, store } = aRegistry();
    store.gone.set(ID, aGoneCall({ trackedAt: NOW - MINUTE, renewedAt: NOW - 5 }));
    const [result] = await calls.track([{ id: ID }]);
    expect(result).toMatchObject({ kind: 'created', call: { trackedAt: NOW, renewedAt: null } });
    expect(await calls.find(ID)).not.toHaveProperty('removal');
  });

  test('several calls gives a result for each in their order, and refuses only what is wrong', async () => {
    const { calls, store, shared } = aRegistry();
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
    expect(shared.asked).toEqual([['call-0001', 'call-0006']]);
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

  test('nothing does nothing', async () => {
    const { calls, shared } = aRegistry();
    expect(await calls.track([])).toEqual([]);
    expect(shared.asked).toEqual([]);
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
    expect(store.get(ID)).toEqual(result?.call);
  });

  test('gives the call as it stands, where the outcome changes nothing any more', async () => {
    const { calls, store, graph } = aRegistry();
    store.put(aCall());
    const again = aCall({ registration: 'r2', labels: { take: '2' } });
    graph.answer = (_, at) => {
      store.put(again);
      return ended(at);
    };
    expect((await calls.keepAliveNow(ID))?.call).toEqual(again);
  });
});

describe('what Graph notifies', () => {
  const OTHER_TENANT = '99999999-9999-4999-8999-999999999999';
  const established = { kind: 'established', id: ID, tenantId: OTHER_TENANT } as const;
  const resultInfo = { code: 408, subcode: 8537, message: 'Keep Alive timeout' };
  const over = { kind: 'over', id: ID, tenantId: null, resultInfo } as const;

  test('tracks an established call, in its tenant, and asks for its first keepAlive', async () => {
    const { calls, store, shared, told } = aRegistry();
    expect(await calls.notify([established, established], { total: 3 })).toMatchObject({
      tracked: 1,
      stopped: 0,
    });
    expect(store.get(ID)).toMatchObject({ tenantId: OTHER_TENANT, app: 'default' });
    expect(shared.asked).toEqual([[ID]]);
    expect(told.notifications).toEqual([{ total: 3, tracked: 1, stopped: 0 }]);
  });

  test('leaves a call that is tracked as the bot had it tracked, also if it does so that moment', async () => {
    const { calls, store } = aRegistry();
    const known = aCall({ labels: { room: 'b' } });
    store.put(known);
    expect(await calls.notify([established], { total: 1 })).toMatchObject({
      tracked: 0,
      stopped: 0,
    });
    expect(store.get(ID)).toEqual(known);

    const again = aRegistry();
    again.store.before = (what) => {
      if (what === 'write') again.store.put(known);
    };
    expect(await again.calls.notify([established], { total: 1 })).toMatchObject({
      tracked: 0,
      stopped: 0,
    });
    expect(again.store.get(ID)).toEqual(known);
  });

  test('stops a call that is over, keeps why, and counts what is our failure apart', async () => {
    const { calls, store, told } = aRegistry();
    store.put(aCall());
    expect(await calls.notify([over], { total: 1 })).toMatchObject({ tracked: 0, stopped: 1 });
    expect(await calls.find(ID)).toMatchObject({ removal: 'untracked', resultInfo });
    expect(told.removals).toEqual([{ id: ID, removal: 'untracked' }]);
    expect(told.timeouts).toEqual([ID]);
    expect(await calls.notify([over], { total: 1 })).toMatchObject({ tracked: 0, stopped: 0 });
    expect(told.timeouts).toEqual([ID]);
  });

  test('of a call that Graph had ended before adds why; of one that the bot stopped it is no failure', async () => {
    const { calls, store, told } = aRegistry();
    store.gone.set(ID, aGoneCall({ removal: 'ended' }));
    store.gone.set('call-0002', aGoneCall({ id: 'call-0002', removal: 'untracked' }));
    await calls.notify([over, { ...over, id: 'call-0002' }], { total: 2 });
    expect(await calls.find(ID)).toMatchObject({ removal: 'ended', resultInfo });
    expect(told.timeouts).toEqual([ID]);
    expect(told.removals).toEqual([]);
  });

  test('is of the app that is named; one that is not configured is refused', async () => {
    const { calls, store } = aRegistry();
    expect(await calls.notify([established], { total: 1, app: 'none' })).toMatchObject({
      kind: 'invalid',
      field: 'app',
    });
    expect(store.get(ID)).toBeNull();
    await calls.notify([established], { total: 1, app: 'default' });
    expect(store.get(ID)).toMatchObject({ app: 'default' });
  });

  test('of the end of a call in another tenant is not of ours', async () => {
    const { calls, store, told } = aRegistry();
    store.put(aCall());
    const ofAnother = { ...over, tenantId: OTHER_TENANT };
    expect(await calls.notify([ofAnother], { total: 1 })).toMatchObject({ stopped: 0 });
    expect(store.get(ID)).toEqual(aCall());
    const { tenantId } = aCall();
    expect(await calls.notify([{ ...over, tenantId }], { total: 1 })).toMatchObject({ stopped: 1 });
    await calls.notify([ofAnother], { total: 1 });
    expect(told.timeouts).toEqual([ID]);
  });

  test('says that a call which was given up is there after all', async () => {
    const { calls, store } = aRegistry();
    store.gone.set(ID, aGoneCall({ removal: 'expired' }));
    expect(await calls.notify([established], { total: 1 })).toMatchObject({ tracked: 1 });
    expect(store.get(ID)).not.toBeNull();
  });

  test('out of order does not raise a call from the dead', async () => {
    const { calls, store } = aRegistry();
    await calls.notify([over, established], { total: 2 });
    expect(store.get(ID)).toBeNull();
    await calls.notify([established], { total: 1 });
    expect(store.get(ID)).toBeNull();
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
    const { calls, shared, own } = aRegistry();
    out(shared.store);
    const [result] = await calls.track([{ id: ID }]);
    expect(result).toMatchObject({ kind: 'created', durable: false });
    expect(own.store.get(ID)).not.toBeNull();
    expect(own.asked).toEqual([[ID]]);
    expect(shared.asked).toEqual([]);
  });

  test('stopping is too, also of a call that this replica does not know', async () => {
    const { calls, shared, own } = aRegistry();
    out(shared.store);
    own.store.put(aCall());
    expect(await calls.untrack(ID)).toEqual({ durable: false, stopped: true });
    expect(own.store.get(ID)).toBeNull();
    expect(await calls.untrack('call-0002')).toEqual({ durable: false, stopped: false });
    expect(own.store.gone.get('call-0002')).toMatchObject({ removal: 'untracked', app: '' });
    expect(await calls.find('call-0002')).toBeNull();
  });

  test('reads are answered from what this replica knows', async () => {
    const { calls, shared, own } = aRegistry();
    out(shared.store);
    own.store.put(aCall({ renewedAt: NOW - DEADLINE_MS / 2 }));
    expect(await calls.find(ID)).toMatchObject({ id: ID });
    shared.store.readSlot = () => Promise.reject(new StoreUnavailableError('out'));
    expect((await calls.list({ state: 'tracked', labels: [], limit: 5 })).calls).toHaveLength(1);
    expect(await calls.keepAliveNow(ID)).toMatchObject({ outcome: { kind: 'renewed' } });
    expect(own.graph.ids).toEqual([ID]);
  });

  test('and while it has yet to learn of a call, that call is read from what is known here', async () => {
    const { calls, own, shared } = aRegistry({ isUnsaved: (id) => id === ID });
    own.store.put(aCall());
    expect(await calls.find(ID)).toMatchObject({ id: ID });
    expect(calls.isDurable(ID)).toBe(false);
    expect(await calls.keepAliveNow(ID)).toMatchObject({ outcome: { kind: 'renewed' } });
    shared.store.put(aCall({ id: 'call-0002' }));
    expect(await calls.find('call-0002')).toMatchObject({ id: 'call-0002' });
    expect(calls.isDurable('call-0002')).toBe(true);
  });

  test('a first keepAlive that the schedule does not take is made by this replica', async () => {
    const { calls, shared, own } = aRegistry();
    shared.first.request = () => Promise.reject(new StoreUnavailableError('out'));
    await calls.track([{ id: ID }]);
    expect(own.asked).toEqual([[ID]]);
  });

  test('what is wrong with the request is still said, and what is a fault of ours is not hidden', async () => {
    const { calls, shared } = aRegistry();
    out(shared.store);
    expect(await calls.track([{ id: ID, app: 'none' }])).toMatchObject([
      { kind: 'invalid', field: 'app' },
    ]);
    shared.store.before = () => {
      throw new TypeError('a bug');
    };
    await expect(calls.find(ID)).rejects.toThrow(TypeError);
  });
});
