import { describe, expect, test } from 'vitest';
import type { ListPosition } from '../../src/calls/listing.ts';
import { merge } from '../../src/calls/merge.ts';
import { ALL_APPS, type CallRecord, emptyRecord, stateOf } from '../../src/calls/record.ts';
import { encodeRecord } from '../../src/store/record-codec.ts';
import { aCall, aRemovedCall, recordOf } from './fixture.ts';
import { someCalls } from './registry.ts';

const ID = 'call-of-mine';
const OTHERS = 'call-of-another-app';
const APPS = new Map(['mine', 'another', 'hidden'].map((name) => [name, { tenantId: 't' }]));

/** The calls as somebody sees them who is limited to the app `mine`; the default is `another`. */
function limited() {
  const world = someCalls({ currentApps: () => ({ apps: APPS, defaultApp: 'another' }) });
  world.put(aCall({ id: ID, app: 'mine' }));
  world.put(aCall({ id: OTHERS, app: 'another', labels: { theirs: 'yes' } }));
  const all = world.calls;
  /** Whether a call of each app that somebody tracked before counts as stopped. */
  const stoppedFor = (id: string) => {
    const stateFor = (app: string) =>
      stateOf(merge(world.registry.get(id), recordOf(aCall({ id, app, generation: '0' }))));
    return ['mine', 'another'].filter((app) => stateFor(app) === 'untracked');
  };
  /** Puts the stop of a call that nobody has tracked. */
  const putStop = (id: string, generation: string, app: string) => {
    const stop = { generation, at: 1, reason: 'request', resultInfo: null } as const;
    const record: CallRecord = { ...emptyRecord(id), stops: { [app]: stop } };
    world.redis.texts.set(id, encodeRecord(record));
  };
  return { ...world, all, mine: all.within(new Set(['mine'])), stoppedFor, putStop };
}

describe('to track', () => {
  test('a call of a visible app is granted', async () => {
    const { mine, get } = limited();
    const [result] = await mine.track([{ id: 'call-new', app: 'mine' }]);
    expect(result).toMatchObject({ kind: 'created', call: { app: 'mine' } });
    expect(get('call-new')).not.toBeNull();
  });

  test.each([['another'], ['nobody'], [undefined]])(
    'one of the app %s is not, whether there is such an app or not',
    async (app) => {
      const { mine, get } = limited();
      const [result] = await mine.track([{ id: 'call-new', app }]);
      const named = app ?? 'another';
      expect(result).toEqual({
        kind: 'forbidden',
        message: `the key has no access to calls of the app ${named}`,
      });
      expect(get('call-new')).toBeNull();
    },
  );

  test('a call of another app is refused, unless it was removed', async () => {
    const { mine, put, get, putStop, asked } = limited();
    const labels = { theirs: 'yes' };
    const generation = 'zzzz';
    for (const state of ['ended', 'expired', 'untracked'] as const) {
      put(aRemovedCall({ id: `call-${state}`, app: 'another', labels, state, generation }));
    }
    putStop('call-stopped', generation, 'another');
    const before = get(OTHERS);
    const ids = ['call-ended', 'call-expired', 'call-untracked', 'call-stopped'];
    const results = await mine.track([
      { id: OTHERS, app: 'mine' },
      ...ids.map((id) => ({ id, app: 'mine' })),
      { id: ID, app: 'mine' },
    ]);
    const created = ids.map(() => 'created');
    expect(results.map(({ kind }) => kind)).toEqual(['forbidden', ...created, 'updated']);
    expect(get(OTHERS)).toEqual(before);
    expect(asked.flat()).toEqual([...ids, ID]);
    for (const id of ids) {
      // Takes no fields from the call of the other app, but has a later generation.
      expect(get(id)).toMatchObject({ app: 'mine', labels: {}, tenantId: 't' });
      expect((get(id)?.generation ?? '') > generation).toBe(true);
    }
  });

  test('a repeat that names no app leaves the call in its app, whatever the default is', async () => {
    const { mine, get } = limited();
    const results = await mine.track([{ id: ID, labels: { a: 'b' } }, { id: OTHERS }]);
    expect(results).toMatchObject([{ kind: 'updated' }, { kind: 'forbidden' }]);
    expect(get(ID)).toMatchObject({ app: 'mine', labels: { a: 'b' } });
    // To clear it is to ask for the default.
    expect(await mine.track([{ id: ID, app: null }])).toMatchObject([{ kind: 'forbidden' }]);
    expect(get(ID)?.app).toBe('mine');
  });

  test('a call that moves to another app at the same moment is refused', async () => {
    const { mine, get, putAtWrite } = limited();
    putAtWrite(aCall({ id: 'call-new', app: 'another' }));
    const [result] = await mine.track([{ id: 'call-new', app: 'mine' }]);
    expect(result).toMatchObject({ kind: 'forbidden' });
    expect(get('call-new')?.app).toBe('another');
  });

  test('an app that is not configured is refused, and the message names only visible apps', async () => {
    const { all } = limited();
    const [result] = await all.within(new Set(['mine', 'gone'])).track([{ id: ID, app: 'gone' }]);
    expect(result).toMatchObject({
      kind: 'invalid',
      message: 'no app of this name is configured; known are mine',
    });
  });
});

describe('to stop', () => {
  test('a call of a visible app is granted', async () => {
    const { mine, get } = limited();
    expect(await mine.untrack(ID)).toEqual({ durable: true, stopped: true });
    expect(get(ID)).toBeNull();
  });

  test('a call of another app is answered like an unknown one, and changes nothing', async () => {
    const { mine, put, get, removed } = limited();
    const gone = aRemovedCall({ id: 'call-gone', app: 'another', state: 'expired' });
    put(gone);
    const unknown = await mine.untrack('call-nobody');
    expect(await mine.untrack(OTHERS)).toEqual(unknown);
    expect(await mine.untrack('call-gone')).toEqual(unknown);
    expect(get(OTHERS)).not.toBeNull();
    expect(removed('call-gone')).toEqual(gone);
  });

  test('a call that moves to another app at the same moment changes nothing', async () => {
    const { mine, get, putAtWrite } = limited();
    putAtWrite(aCall({ id: ID, app: 'another', generation: 'r2' }));
    expect(await mine.untrack(ID)).toEqual({ durable: true, stopped: false });
    expect(get(ID)?.app).toBe('another');
  });

  test('an unknown call leaves no stop that counts for all apps', async () => {
    const { mine, stoppedFor, putStop } = limited();
    putStop('call-stopped', '1', 'hidden');
    for (const id of ['call-nobody', 'call-stopped']) {
      expect(await mine.untrack(id)).toEqual({ durable: true, stopped: false });
      expect(stoppedFor(id)).toEqual(['mine']);
    }
  });

  test('a removed call leaves a stop that counts only for the visible apps', async () => {
    const { mine, put, removed, registry, all, clock } = limited();
    put(aRemovedCall({ id: 'call-gone', app: 'mine', generation: '00' }));
    clock.set(clock.now() + 1);
    await mine.untrack('call-gone');
    expect(removed('call-gone')).toMatchObject({ state: 'ended' });
    expect(Object.keys(registry.get('call-gone').stops)).toEqual(['mine']);
    await all.untrack('call-gone');
    expect(Object.keys(registry.get('call-gone').stops)).toContain(ALL_APPS);
  });

  test('an unknown call while Redis is out leaves a stop for the visible apps', async () => {
    const { mine, redis, stoppedFor } = limited();
    redis.isAway = true;
    expect(await mine.untrack('call-nobody')).toEqual({ durable: false, stopped: false });
    expect(stoppedFor('call-nobody')).toEqual(['mine']);
    expect(await mine.untrack(ID)).toEqual({ durable: false, stopped: true });
  });
});

describe('to see', () => {
  test('a call of another app is answered like an unknown one, even after its removal', async () => {
    const { mine, put, all } = limited();
    put(aRemovedCall({ id: 'call-gone', app: 'another' }));
    expect([await mine.find(OTHERS), await mine.find('call-gone')]).toEqual([null, null]);
    expect((await mine.find(ID))?.id).toBe(ID);
    expect((await all.find(OTHERS))?.id).toBe(OTHERS);
  });

  test("a list has only the client's calls, and its position names no other", async () => {
    const { mine, put, all } = limited();
    for (let i = 0; i < 50; i++) {
      put(aCall({ id: `call-others-${i}`, app: 'another' }));
      put(aCall({ id: `call-mine-${i}`, app: 'mine' }));
    }
    const query = { state: 'tracked', labels: [], limit: 3 } as const;
    const seen: string[] = [];
    let start: ListPosition | undefined;
    do {
      const page = await mine.list({ ...query, start });
      seen.push(...page.calls.map(({ id }) => id));
      if (page.next !== null) expect(['', page.calls.at(-1)?.id]).toContain(page.next.after);
      start = page.next ?? undefined;
    } while (start !== undefined);
    expect(seen).toHaveLength(51);
    expect(seen.every((id) => id === ID || id.startsWith('call-mine-'))).toBe(true);
    const named = await mine.list({ ...query, app: 'another' });
    expect(named).toEqual({ calls: [], next: null });
    expect((await all.list({ ...query, limit: 1_000 })).calls).toHaveLength(102);
  });
});

test('a keepAlive of a call of another app is answered like an unknown one, and sends nothing', async () => {
  const { mine, graph } = limited();
  expect(await mine.keepAliveNow(OTHERS)).toBeNull();
  expect(graph.sent).toEqual([]);
  expect(await mine.keepAliveNow(ID)).toMatchObject({ call: { id: ID } });
});

describe('notifications', () => {
  test('are refused for an app that the key cannot see, even the default app', async () => {
    const { mine } = limited();
    const notices = [{ kind: 'established' as const, id: 'call-new', tenantId: null }];
    for (const app of ['another', undefined]) {
      expect(await mine.notify(notices, { total: 1, app })).toMatchObject({ kind: 'forbidden' });
    }
  });

  test('neither change nor count calls of other apps', async () => {
    const { mine, put, get } = limited();
    const over = (id: string) => ({ kind: 'over' as const, id, tenantId: null, resultInfo: null });
    put(aRemovedCall({ id: 'call-gone', app: 'another', state: 'expired' }));
    const notices = [
      over(OTHERS),
      over(ID),
      { kind: 'established' as const, id: 'call-gone', tenantId: null },
    ];
    const result = await mine.notify(notices, { total: 3, app: 'mine' });
    expect(result).toMatchObject({ kind: 'taken', tracked: 1, updated: 0, stopped: 1 });
    expect(get(OTHERS)).not.toBeNull();
    // What was removed holds nobody off: it is tracked, for the app that asks.
    expect(get('call-gone')).toMatchObject({ app: 'mine', labels: {} });
  });
});
