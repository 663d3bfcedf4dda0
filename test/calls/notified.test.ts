import { describe, expect, test } from 'vitest';
import { tombstone } from '../../src/calls/call.ts';
import { aCall, aGoneCall, ended, MINUTE, NOW, TENANT } from './fixture.ts';
import { aRegistry, ID, out, SECOND_TENANT } from './registry.ts';

describe('a notification', () => {
  const OTHER_TENANT = '99999999-9999-4999-8999-999999999999';
  const established = { kind: 'established', id: ID, tenantId: OTHER_TENANT } as const;
  const resultInfo = { code: 408, subcode: 8537, message: 'Keep Alive timeout' };
  const over = { kind: 'over', id: ID, tenantId: null, resultInfo } as const;

  test('tracks an established call, in its tenant, and asks for its first keepAlive', async () => {
    const { calls, store, told, asked } = aRegistry();
    expect(await calls.notify([established, established], { total: 3 })).toMatchObject({
      tracked: 1,
      stopped: 0,
    });
    expect(store.get(ID)).toMatchObject({ tenantId: OTHER_TENANT, app: 'default' });
    expect(asked).toEqual([[ID]]);
    expect(told.notifications).toEqual([
      { tracked: 1, updated: 0, stopped: 0, ignored: 2, other_tenant: 0, other_app: 0 },
    ]);
  });

  test('leaves a call as the bot tracked it, even if it does so at the same moment', async () => {
    const { calls, store } = aRegistry();
    const known = aCall({ labels: { room: 'b' }, tenantIsDefault: false, tenantId: OTHER_TENANT });
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

  test('stops a call that is over, keeps the reason, and counts missed keepAlives apart', async () => {
    const { calls, store, told } = aRegistry();
    store.put(aCall());
    expect(await calls.notify([over], { total: 1 })).toMatchObject({ tracked: 0, stopped: 1 });
    expect(await calls.find(ID)).toMatchObject({ removal: 'untracked', resultInfo });
    expect(told.removals).toEqual([{ id: ID, removal: 'untracked' }]);
    expect(told.timeouts).toEqual([ID]);
    expect(await calls.notify([over], { total: 1 })).toMatchObject({ tracked: 0, stopped: 0 });
    expect(told.timeouts).toEqual([ID]);
  });

  test('adds the reason to a call that Graph ended before, and counts no failure of one that the bot stopped', async () => {
    const { calls, store, told } = aRegistry();
    store.gone.set(ID, aGoneCall({ removal: 'ended' }));
    store.gone.set('call-0002', aGoneCall({ id: 'call-0002', removal: 'untracked' }));
    await calls.notify([over, { ...over, id: 'call-0002' }], { total: 2 });
    expect(await calls.find(ID)).toMatchObject({ removal: 'ended', resultInfo });
    expect(told.timeouts).toEqual([ID]);
    expect(told.removals).toEqual([]);
  });

  test('is for the app that is named, and is refused if that is not configured', async () => {
    const { calls, store } = aRegistry();
    expect(await calls.notify([established], { total: 1, app: 'none' })).toMatchObject({
      kind: 'invalid',
      field: 'app',
    });
    expect(store.get(ID)).toBeNull();
    await calls.notify([established], { total: 1, app: 'default' });
    expect(store.get(ID)).toMatchObject({ app: 'default' });
  });

  test('of an ending in another tenant is ignored and reported', async () => {
    const { calls, store, told } = aRegistry();
    const known = aCall({ tenantIsDefault: false });
    store.put(known);
    const ofAnother = { ...over, tenantId: OTHER_TENANT };
    expect(await calls.notify([ofAnother], { total: 1 })).toMatchObject({ stopped: 0 });
    expect(store.get(ID)).toEqual(known);
    const { tenantId } = aCall();
    expect(await calls.notify([{ ...over, tenantId }], { total: 1 })).toMatchObject({ stopped: 1 });
    await calls.notify([ofAnother], { total: 1 });
    expect(told.timeouts).toEqual([ID]);
    expect(told.misdirections).toEqual(Array(2).fill({ id: ID, fate: 'other_tenant' }));
    expect(told.notifications.map((counts) => counts.other_tenant)).toEqual([1, 0, 1]);
  });

  test('tracks a call again that was given up', async () => {
    const { calls, store } = aRegistry();
    store.gone.set(ID, aGoneCall({ removal: 'expired' }));
    expect(await calls.notify([established], { total: 1 })).toMatchObject({ tracked: 1 });
    expect(store.get(ID)).not.toBeNull();
  });

  test('out of order does not track an ended call again', async () => {
    const { calls, store } = aRegistry();
    await calls.notify([over, established], { total: 2 });
    expect(store.get(ID)).toBeNull();
    await calls.notify([established], { total: 1 });
    expect(store.get(ID)).toBeNull();
  });
});

describe('the tenant that Graph names', () => {
  const established = { kind: 'established', id: ID, tenantId: SECOND_TENANT } as const;
  const over = { kind: 'over', id: ID, tenantId: SECOND_TENANT, resultInfo: null } as const;

  test('replaces the default one, and the call is tried there at once', async () => {
    const { calls, store, told, asked } = aRegistry();
    const known = aCall({ renewedAt: NOW, consecutiveFailures: 3, retryAt: NOW + 9 * MINUTE });
    store.put(known);
    expect(await calls.notify([established], { total: 1 })).toMatchObject({
      tracked: 0,
      updated: 1,
    });
    const moved = { tenantId: SECOND_TENANT, tenantIsDefault: false, retryAt: null };
    expect(store.get(ID)).toEqual({ ...known, ...moved });
    expect(asked).toEqual([[ID]]);
    expect(told.trackings).toEqual([{ id: ID, isNew: false }]);
    // The next repeat of the bot says nothing of a tenant.
    await calls.track([{ id: ID }]);
    expect(store.get(ID)).toMatchObject({ tenantId: SECOND_TENANT });
  });

  test('does not replace one that the bot or Graph has named before', async () => {
    for (const fields of [{ tenantId: TENANT }, {}]) {
      const { calls, store, told } = aRegistry();
      await calls.track([{ id: ID, ...fields }]);
      // Graph names the default itself: no change that anybody sees, but it is named now.
      await calls.notify([{ ...established, tenantId: TENANT }], { total: 1 });
      const before = store.get(ID);
      expect(await calls.notify([established], { total: 1 })).toMatchObject({ updated: 0 });
      expect(store.get(ID)).toEqual(before);
      expect(told.misdirections).toEqual([{ id: ID, fate: 'other_tenant' }]);
      expect(told.trackings).toHaveLength(1);
    }
  });

  test('replaces a named one again once the bot has cleared it', async () => {
    const { calls, store } = aRegistry();
    await calls.track([{ id: ID, tenantId: TENANT }]);
    await calls.track([{ id: ID, tenantId: null }]);
    await calls.notify([established], { total: 1 });
    expect(store.get(ID)?.tenantId).toBe(SECOND_TENANT);
  });

  test('also counts if it comes with the end of a call that has the default', async () => {
    const { calls, store, told } = aRegistry();
    store.put(aCall());
    expect(await calls.notify([over], { total: 1 })).toMatchObject({ stopped: 1, other_tenant: 0 });
    expect(store.gone.get(ID)).toMatchObject({ removal: 'untracked', tenantId: SECOND_TENANT });
    expect(told.misdirections).toEqual([]);
  });

  test('does not replace one that the bot names at the same moment', async () => {
    const { calls, store } = aRegistry();
    store.put(aCall());
    store.before = (op) => {
      if (op !== 'write') return;
      store.before = () => undefined;
      store.put(aCall({ tenantIsDefault: false }));
    };
    expect(await calls.notify([established], { total: 1 })).toMatchObject({ other_tenant: 1 });
    expect(store.get(ID)?.tenantId).toBe(TENANT);
  });

  test('does not undo a stop that a replica without Redis has taken', async () => {
    const { calls, store } = aRegistry();
    store.put(aCall({ registration: 'r1' }));
    await calls.notify([established], { total: 1 });
    expect(store.get(ID)?.registration).toBe('r1');
  });
});

describe('several notifications of one call in one body', () => {
  const reason = { code: 500, subcode: 1, message: 'why' };
  const end = { kind: 'over', id: ID, tenantId: null, resultInfo: null } as const;
  const why = { ...end, resultInfo: reason };

  test.each([
    ['first', [why, end]],
    ['last', [end, why]],
    ['between two without', [end, why, end]],
  ])('the ending with a reason stands where it comes %s', async (_, notices) => {
    const { calls, store } = aRegistry();
    store.put(aCall());
    // The record of the one stop is what is published.
    const written: unknown[] = [];
    const write = store.write.bind(store);
    store.write = (changes) => {
      written.push(
        ...changes.flatMap((change) => ('gone' in change ? change.gone.resultInfo : [])),
      );
      return write(changes);
    };
    expect(await calls.notify(notices, { total: notices.length })).toMatchObject({ stopped: 1 });
    expect(written).toEqual([reason]);
    expect(store.gone.get(ID)).toMatchObject({ resultInfo: reason });
  });

  test('an ending that is ignored for its tenant hides no other ending', async () => {
    const { calls, store } = aRegistry();
    store.put(aCall({ tenantIsDefault: false }));
    const ofAnother = { ...why, tenantId: SECOND_TENANT };
    const counts = await calls.notify([end, ofAnother], { total: 2 });
    expect(counts).toMatchObject({ stopped: 1, other_tenant: 1 });
  });

  test('an ending that is ignored for its app does not keep an established call from being tracked', async () => {
    const { calls, store } = aRegistry();
    store.gone.set(ID, aGoneCall({ app: 'second', removal: 'untracked' }));
    const established = { kind: 'established', id: ID, tenantId: null } as const;
    const of = { total: 2, app: 'default', reach: new Set(['default']) };
    expect(await calls.notify([end, established], of)).toMatchObject({ tracked: 1, other_app: 1 });
    expect(store.get(ID)?.app).toBe('default');
  });

  test('the one that names a tenant counts, of several that say established', async () => {
    const { calls, store } = aRegistry();
    const named = { kind: 'established', id: ID, tenantId: SECOND_TENANT } as const;
    await calls.notify([named, { ...named, tenantId: null }], { total: 2 });
    expect(store.get(ID)?.tenantId).toBe(SECOND_TENANT);
  });
});

describe('late news that a call is established', () => {
  const established = { kind: 'established', id: ID, tenantId: SECOND_TENANT } as const;

  test.each([[false], [true]])(
    "leaves a call that Graph's own 404 ended (Redis out: %s)",
    async (isOut) => {
      const { calls, store, own, graph } = aRegistry();
      const kept = isOut ? own : store;
      if (isOut) out(store);
      kept.put(aCall());
      graph.answer = (_, at) => ended(at);
      await calls.keepAliveNow(ID);
      expect(kept.gone.get(ID)?.removal).toBe('ended');
      expect(await calls.notify([established], { total: 1 })).toMatchObject({
        tracked: 0,
        updated: 0,
      });
      expect(kept.get(ID)).toBeNull();
      expect(graph.ids).toHaveLength(1);
      // Only the bot raises it.
      expect(await calls.track([{ id: ID }])).toMatchObject([{ kind: 'created' }]);
    },
  );

  test('does not track a call again whose end Graph reported after it was given up', async () => {
    const { calls, store } = aRegistry();
    store.gone.set(ID, aGoneCall({ removal: 'expired' }));
    const resultInfo = { code: 408, subcode: 8537, message: '' };
    await calls.notify([{ kind: 'over', id: ID, tenantId: null, resultInfo }], { total: 1 });
    await calls.notify([established], { total: 1 });
    expect(store.get(ID)).toBeNull();
  });

  test('tracks a call again that was only given up, with all its fields', async () => {
    const { calls, store } = aRegistry();
    const said = { app: 'second', labels: { room: 'a' }, webhookUrl: 'https://bot.example/' };
    store.gone.set(ID, aGoneCall({ ...said, removal: 'expired', renewedAt: NOW - 90 * MINUTE }));
    await calls.notify([established], { total: 1 });
    expect(store.get(ID)).toMatchObject({ ...said, tenantId: SECOND_TENANT, renewedAt: null });
  });
});

describe('notifications for one app', () => {
  const end = { kind: 'over', id: ID, tenantId: null, resultInfo: null } as const;
  const ofDefault = { total: 1, app: 'default', reach: new Set(['default']) };

  test("stop, correct and mark no other app's call", async () => {
    const { calls, store, told } = aRegistry();
    const others = aCall({ app: 'second' });
    store.put(others);
    expect(await calls.notify([end], ofDefault)).toMatchObject({ stopped: 0, other_app: 1 });
    const established = { kind: 'established', id: ID, tenantId: SECOND_TENANT } as const;
    expect(await calls.notify([established], ofDefault)).toMatchObject({
      updated: 0,
      other_app: 1,
    });
    expect(store.get(ID)).toEqual(others);
    expect(told.misdirections).toEqual(Array(2).fill({ id: ID, fate: 'other_app' }));
    expect(told.trackings).toEqual([]);
  });

  test('do not stop a call that moves to another app at the same moment', async () => {
    const { calls, store } = aRegistry();
    store.put(aCall());
    store.before = (op) => {
      if (op !== 'write') return;
      store.before = () => undefined;
      store.put(aCall({ app: 'second' }));
    };
    expect(await calls.notify([end], ofDefault)).toMatchObject({ stopped: 0, other_app: 1 });
    expect(store.get(ID)?.app).toBe('second');
  });

  test('stop an unknown call for that app only', async () => {
    const { calls, store } = aRegistry();
    await calls.notify([end], ofDefault);
    expect(store.gone.get(ID)?.onlyApps).toEqual(['default']);
    await calls.notify([end], { total: 1 });
    expect(store.gone.get(ID)?.onlyApps).toBeUndefined();
  });

  test('that stopped a call leave the call of another app with the same id alone', async () => {
    const { calls, store } = aRegistry();
    const { registration } = tombstone(ID, 'zzzz', NOW);
    store.gone.set(ID, tombstone(ID, registration, NOW, ['second']));
    const established = { kind: 'established', id: ID, tenantId: null } as const;
    expect(await calls.notify([established], ofDefault)).toMatchObject({ tracked: 1 });
    expect((store.get(ID)?.registration ?? '') > registration).toBe(true);
  });
});
