import { describe, expect, test } from 'vitest';
import { callOf } from '../../src/calls/call.ts';
import { merge } from '../../src/calls/merge.ts';
import { type CallRecord, emptyRecord, stateOf } from '../../src/calls/record.ts';
import { encodeRecord } from '../../src/store/record-codec.ts';
import { aCall, aRemovedCall, ended, MINUTE, NOW, recordOf, TENANT } from './fixture.ts';
import { ID, SECOND_TENANT, someCalls } from './registry.ts';

describe('a notification', () => {
  const OTHER_TENANT = '99999999-9999-4999-8999-999999999999';
  const established = { kind: 'established', id: ID, tenantId: OTHER_TENANT } as const;
  const resultInfo = { code: 408, subcode: 8537, message: 'Keep Alive timeout' };
  const over = { kind: 'over', id: ID, tenantId: null, resultInfo } as const;

  test('tracks an established call, in its tenant, and asks for its first keepAlive', async () => {
    const { calls, get, told, asked } = someCalls();
    expect(await calls.notify([established, established], { total: 3 })).toMatchObject({
      tracked: 1,
      stopped: 0,
    });
    expect(get(ID)).toMatchObject({ tenantId: OTHER_TENANT, app: 'default' });
    expect(asked).toEqual([[ID]]);
    expect(told.notifications).toEqual([
      { tracked: 1, updated: 0, stopped: 0, ignored: 2, other_tenant: 0, other_app: 0 },
    ]);
  });

  test('leaves a call that is tracked as the bot had it tracked, also if it does so that moment', async () => {
    const { calls, put, get } = someCalls();
    const known = aCall({ labels: { room: 'b' }, tenantIsDefault: false, tenantId: OTHER_TENANT });
    put(known);
    expect(await calls.notify([established], { total: 1 })).toMatchObject({
      tracked: 0,
      stopped: 0,
    });
    expect(get(ID)).toEqual(known);

    const again = someCalls();
    again.putAtWrite(known);
    expect(await again.calls.notify([established], { total: 1 })).toMatchObject({
      tracked: 0,
      stopped: 0,
    });
    expect(again.get(ID)).toEqual(known);
  });

  test('stops a call that is over, keeps why, and counts what is our failure apart', async () => {
    const { calls, put, told } = someCalls();
    put(aCall());
    expect(await calls.notify([over], { total: 1 })).toMatchObject({ tracked: 0, stopped: 1 });
    expect(await calls.find(ID)).toMatchObject({ state: 'untracked', resultInfo });
    expect(told.removals).toEqual([{ id: ID, removal: 'untracked' }]);
    expect(told.timeouts).toEqual([ID]);
    expect(await calls.notify([over], { total: 1 })).toMatchObject({ tracked: 0, stopped: 0 });
    expect(told.timeouts).toEqual([ID]);
  });

  test('of a call that Graph had ended before adds why; of one that the bot stopped it is no failure', async () => {
    const { calls, put, clock, told } = someCalls();
    put(aRemovedCall({ state: 'ended' }));
    put(aRemovedCall({ id: 'call-0002', state: 'untracked' }));
    clock.set(NOW + MINUTE);
    await calls.notify([over, { ...over, id: 'call-0002' }], { total: 2 });
    expect(await calls.find(ID)).toMatchObject({ state: 'ended', resultInfo });
    expect(told.timeouts).toEqual([ID]);
    expect(told.removals).toEqual([]);
  });

  test('is of the app that is named; one that is not configured is refused', async () => {
    const { calls, get } = someCalls();
    expect(await calls.notify([established], { total: 1, app: 'none' })).toMatchObject({
      kind: 'invalid',
      field: 'app',
    });
    expect(get(ID)).toBeNull();
    await calls.notify([established], { total: 1, app: 'default' });
    expect(get(ID)).toMatchObject({ app: 'default' });
  });

  test('of the end of a call in another tenant is ignored and reported', async () => {
    const { calls, put, get, told } = someCalls();
    const known = aCall({ tenantIsDefault: false });
    put(known);
    const ofAnother = { ...over, tenantId: OTHER_TENANT };
    expect(await calls.notify([ofAnother], { total: 1 })).toMatchObject({ stopped: 0 });
    expect(get(ID)).toEqual(known);
    const { tenantId } = aCall();
    expect(await calls.notify([{ ...over, tenantId }], { total: 1 })).toMatchObject({ stopped: 1 });
    await calls.notify([ofAnother], { total: 1 });
    expect(told.timeouts).toEqual([ID]);
    expect(told.misdirections).toEqual(Array(2).fill({ id: ID, fate: 'other_tenant' }));
    expect(told.notifications.map((counts) => counts.other_tenant)).toEqual([1, 0, 1]);
  });

  test('says that a call which was given up is there after all', async () => {
    const { calls, put, get } = someCalls();
    put(aRemovedCall({ state: 'expired' }));
    expect(await calls.notify([established], { total: 1 })).toMatchObject({ tracked: 1 });
    expect(get(ID)).not.toBeNull();
  });

  test('out of order does not raise a call from the dead', async () => {
    const { calls, get } = someCalls();
    await calls.notify([over, established], { total: 2 });
    expect(get(ID)).toBeNull();
    await calls.notify([established], { total: 1 });
    expect(get(ID)).toBeNull();
  });
});

describe('the tenant that Graph names', () => {
  const established = { kind: 'established', id: ID, tenantId: SECOND_TENANT } as const;
  const over = { kind: 'over', id: ID, tenantId: SECOND_TENANT, resultInfo: null } as const;

  test('replaces one that was only the default, and the call is tried there at once', async () => {
    const { calls, put, get, told, asked } = someCalls();
    const known = aCall({ renewedAt: NOW, consecutiveFailures: 3, retryAt: NOW + 9 * MINUTE });
    put(known);
    expect(await calls.notify([established], { total: 1 })).toMatchObject({
      tracked: 0,
      updated: 1,
    });
    const moved = { tenantId: SECOND_TENANT, tenantIsDefault: false };
    expect(get(ID)).toEqual({ ...callOf(recordOf(known)), ...moved });
    expect(asked).toEqual([[ID]]);
    expect(told.trackings).toEqual([{ id: ID, isNew: false }]);
    // The next repeat of the bot says nothing of a tenant.
    await calls.track([{ id: ID }]);
    expect(get(ID)).toMatchObject({ tenantId: SECOND_TENANT });
  });

  test('does not replace one that the bot or Graph has named before', async () => {
    for (const fields of [{ tenantId: TENANT }, {}]) {
      const { calls, get, told } = someCalls();
      await calls.track([{ id: ID, ...fields }]);
      // Graph names the default itself: no change that anybody sees, but it is named now.
      await calls.notify([{ ...established, tenantId: TENANT }], { total: 1 });
      const before = get(ID);
      expect(await calls.notify([established], { total: 1 })).toMatchObject({ updated: 0 });
      expect(get(ID)).toEqual(before);
      expect(told.misdirections).toEqual([{ id: ID, fate: 'other_tenant' }]);
      expect(told.trackings).toHaveLength(1);
    }
  });

  test('replaces a named one again once the bot has cleared it', async () => {
    const { calls, get } = someCalls();
    await calls.track([{ id: ID, tenantId: TENANT }]);
    await calls.track([{ id: ID, tenantId: null }]);
    await calls.notify([established], { total: 1 });
    expect(get(ID)?.tenantId).toBe(SECOND_TENANT);
  });

  test('counts as well when it comes with the end of a call that has only the default', async () => {
    const { calls, put, removed, told } = someCalls();
    put(aCall());
    expect(await calls.notify([over], { total: 1 })).toMatchObject({ stopped: 1, other_tenant: 0 });
    expect(removed(ID)).toMatchObject({ state: 'untracked', tenantId: SECOND_TENANT });
    expect(told.misdirections).toEqual([]);
  });

  test('that the bot names this very moment is not replaced', async () => {
    const { calls, put, get, putAtWrite } = someCalls();
    put(aCall());
    putAtWrite(aCall({ tenantIsDefault: false }));
    expect(await calls.notify([established], { total: 1 })).toMatchObject({ other_tenant: 1 });
    expect(get(ID)?.tenantId).toBe(TENANT);
  });

  test('leaves a stop of the bot in force, that a replica without Redis has taken', async () => {
    const { calls, put, get } = someCalls();
    put(aCall({ generation: 'r1' }));
    await calls.notify([established], { total: 1 });
    expect(get(ID)?.generation).toBe('r1');
  });
});

describe('a repeated notification that a call is established', () => {
  test('does not cut short the wait of a call that fails', async () => {
    const { calls, put, asked, redis } = someCalls();
    put(aCall({ consecutiveFailures: 3, retryAt: NOW + 9 * MINUTE, tenantIsDefault: false }));
    const established = { kind: 'established', id: ID, tenantId: TENANT } as const;
    expect(await calls.notify([established], { total: 1 })).toMatchObject({ ignored: 1 });
    expect(asked).toEqual([]);
    expect(redis.published).toEqual([]);
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
    const { calls, put, removed, redis } = someCalls();
    put(aCall());
    // The stop that counts first is what is published.
    const published: unknown[] = [];
    redis.afterWrite = () => {
      if (published.length < redis.published.length) published.push(removed(ID)?.resultInfo);
    };
    expect(await calls.notify(notices, { total: notices.length })).toMatchObject({ stopped: 1 });
    expect(published).toEqual([reason]);
    expect(removed(ID)).toMatchObject({ resultInfo: reason });
  });

  test('an ending that is ignored for its tenant hides none that counts', async () => {
    const { calls, put } = someCalls();
    put(aCall({ tenantIsDefault: false }));
    const ofAnother = { ...why, tenantId: SECOND_TENANT };
    const counts = await calls.notify([end, ofAnother], { total: 2 });
    expect(counts).toMatchObject({ stopped: 1, other_tenant: 1 });
  });

  test('an ending that is ignored for its app does not keep an established call away', async () => {
    const { calls, put, get } = someCalls();
    put(aRemovedCall({ app: 'second', state: 'untracked' }));
    const established = { kind: 'established', id: ID, tenantId: null } as const;
    const of = { total: 2, app: 'default', visibleApps: new Set(['default']) };
    expect(await calls.notify([end, established], of)).toMatchObject({ tracked: 1, other_app: 1 });
    expect(get(ID)?.app).toBe('default');
  });

  test('the established one that names a tenant counts', async () => {
    const { calls, get } = someCalls();
    const named = { kind: 'established', id: ID, tenantId: SECOND_TENANT } as const;
    await calls.notify([named, { ...named, tenantId: null }], { total: 2 });
    expect(get(ID)?.tenantId).toBe(SECOND_TENANT);
  });
});

describe('late news that a call is established', () => {
  const established = { kind: 'established', id: ID, tenantId: SECOND_TENANT } as const;

  test.each([[false], [true]])(
    "leaves a call that Graph's own 404 ended (Redis out: %s)",
    async (isOut) => {
      const { calls, put, registry, redis, graph } = someCalls();
      put(aCall());
      redis.isAway = isOut;
      graph.answer = (_, at) => ended(at);
      await calls.keepAliveNow(ID);
      expect(stateOf(registry.get(ID))).toBe('ended');
      expect(await calls.notify([established], { total: 1 })).toMatchObject({
        tracked: 0,
        updated: 0,
      });
      expect(stateOf(registry.get(ID))).toBe('ended');
      expect(graph.ids).toHaveLength(1);
      // Only the bot raises it.
      expect(await calls.track([{ id: ID }])).toMatchObject([{ kind: 'created' }]);
    },
  );

  test('leaves a call that was given up if Graph reported its end later', async () => {
    const { calls, put, get } = someCalls();
    put(aRemovedCall({ state: 'expired' }));
    const resultInfo = { code: 408, subcode: 8537, message: '' };
    await calls.notify([{ kind: 'over', id: ID, tenantId: null, resultInfo }], { total: 1 });
    await calls.notify([established], { total: 1 });
    expect(get(ID)).toBeNull();
  });

  test('tracks a call again that was only given up, with all its fields', async () => {
    const { calls, put, get } = someCalls();
    const said = { app: 'second', labels: { room: 'a' }, webhookUrl: 'https://bot.example/' };
    put(aRemovedCall({ ...said, state: 'expired', renewedAt: NOW - 90 * MINUTE }));
    await calls.notify([established], { total: 1 });
    expect(get(ID)).toMatchObject({ ...said, tenantId: SECOND_TENANT, renewedAt: null });
  });
});

describe('notifications for one app', () => {
  const end = { kind: 'over', id: ID, tenantId: null, resultInfo: null } as const;
  const ofDefault = { total: 1, app: 'default', visibleApps: new Set(['default']) };

  test("stop, correct and mark no other app's call", async () => {
    const { calls, put, get, told } = someCalls();
    const others = aCall({ app: 'second' });
    put(others);
    expect(await calls.notify([end], ofDefault)).toMatchObject({ stopped: 0, other_app: 1 });
    const established = { kind: 'established', id: ID, tenantId: SECOND_TENANT } as const;
    expect(await calls.notify([established], ofDefault)).toMatchObject({
      updated: 0,
      other_app: 1,
    });
    expect(get(ID)).toEqual(others);
    expect(told.misdirections).toEqual(Array(2).fill({ id: ID, fate: 'other_app' }));
    expect(told.trackings).toEqual([]);
  });

  test('stop the call that becomes of another app this very moment no more', async () => {
    const { calls, put, get, putAtWrite } = someCalls();
    put(aCall());
    putAtWrite(aCall({ app: 'second', generation: 'r2' }));
    expect(await calls.notify([end], ofDefault)).toMatchObject({ stopped: 0, other_app: 1 });
    expect(get(ID)?.app).toBe('second');
  });

  test('stop one that nobody here knows for that app alone', async () => {
    const { calls, registry } = someCalls();
    const stateIfTrackedBy = (app: string) =>
      stateOf(merge(registry.get(ID), recordOf(aCall({ app, generation: '0' }))));
    await calls.notify([end], ofDefault);
    expect(['default', 'second'].map(stateIfTrackedBy)).toEqual(['untracked', 'tracked']);
    await calls.notify([end], { total: 1 });
    expect(['default', 'second'].map(stateIfTrackedBy)).toEqual(['untracked', 'untracked']);
  });

  test('do not affect a call of another app with the same id', async () => {
    const { calls, get, redis } = someCalls();
    const generation = 'zzzz';
    const stop = { generation, at: NOW, reason: 'request', resultInfo: null } as const;
    const stopped: CallRecord = { ...emptyRecord(ID), stops: { second: stop } };
    redis.texts.set(ID, encodeRecord(stopped));
    const established = { kind: 'established', id: ID, tenantId: null } as const;
    expect(await calls.notify([established], ofDefault)).toMatchObject({ tracked: 1 });
    expect((get(ID)?.generation ?? '') > generation).toBe(true);
  });
});
