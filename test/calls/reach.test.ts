import { describe, expect, test } from 'vitest';
import { type Call, covers, tombstone } from '../../src/calls/call.ts';
import { Calls, type CallsDeps } from '../../src/calls/calls.ts';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import {
  aCall,
  aGoneCall,
  aKeeperOf,
  FakeClock,
  MemoryStore,
  POLICY,
  Told,
  WHEEL,
} from './fixture.ts';

const ID = 'call-of-mine';
const OTHERS = 'call-of-another-app';
const APPS = new Map(['mine', 'another', 'hidden'].map((name) => [name, { tenantId: 't' }]));

/** The calls as somebody sees them who is limited to the app `mine`; the default is `another`. */
function limited(over: Partial<CallsDeps> = {}) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const [store, own] = [new MemoryStore(), new MemoryStore()];
  const kept = aKeeperOf(store, { clock, local: own });
  const keeper: CallsDeps['keeper'] = {
    keep: (calls) => void asked.push(...[...calls].map(({ id }) => id)),
    plan: () => undefined,
    keepNow: (call) => kept.keeper.keepNow(call),
  };
  const all = new Calls({
    shared: { store, observer: new Told() },
    own: { store: own, observer: new Told() },
    keeper,
    isUnsaved: () => false,
    clock,
    random: () => 0.5,
    configured: () => ({ apps: APPS, defaultApp: 'another' }),
    reach: null,
    wheel: WHEEL,
    policy: POLICY,
    ...over,
  });
  const { graph } = kept;
  store.put(aCall({ id: ID, app: 'mine' }));
  store.put(aCall({ id: OTHERS, app: 'another', labels: { theirs: 'yes' } }));
  return { all, mine: all.within(new Set(['mine'])), store, own, graph, asked };
}

/** Somebody else is faster by a little. */
function putAtWrite(store: MemoryStore, call: Call): void {
  store.before = (operation) => {
    if (operation !== 'write') return;
    store.before = () => undefined;
    store.put(call);
  };
}

describe('to track', () => {
  test('a call of an app within reach is granted', async () => {
    const { mine, store } = limited();
    const [result] = await mine.track([{ id: 'call-new', app: 'mine' }]);
    expect(result).toMatchObject({ kind: 'created', call: { app: 'mine' } });
    expect(store.get('call-new')).not.toBeNull();
  });

  test.each([['another'], ['nobody'], [undefined]])(
    'one of the app %s is not, whether there is such an app or not',
    async (app) => {
      const { mine, store } = limited();
      const [result] = await mine.track([{ id: 'call-new', app }]);
      const named = app ?? 'another';
      expect(result).toEqual({
        kind: 'forbidden',
        message: `calls of the app ${named} are not within the reach of this key`,
      });
      expect(store.get('call-new')).toBeNull();
    },
  );

  test("another client's call is not, but its id is free after its removal", async () => {
    const { mine, store, asked } = limited();
    const labels = { theirs: 'yes' };
    for (const removal of ['ended', 'expired', 'untracked'] as const) {
      const gone = aGoneCall({ id: `call-${removal}`, app: 'another', labels, removal });
      store.gone.set(gone.id, { ...gone, registration: 'zzzz' });
    }
    const others = tombstone('call-stopped', 'zzzz', 1, ['another']);
    store.gone.set(others.id, others);
    const before = store.get(OTHERS);
    const ids = ['call-ended', 'call-expired', 'call-untracked', 'call-stopped'];
    const results = await mine.track([
      { id: OTHERS, app: 'mine' },
      ...ids.map((id) => ({ id, app: 'mine' })),
      { id: ID, app: 'mine' },
    ]);
    const created = ids.map(() => 'created');
    expect(results.map(({ kind }) => kind)).toEqual(['forbidden', ...created, 'updated']);
    expect(store.get(OTHERS)).toEqual(before);
    expect(asked).toEqual([...ids, ID]);
    for (const id of ids) {
      // Nothing is taken over from another's, but the word is later than theirs.
      expect(store.get(id)).toMatchObject({ app: 'mine', labels: {}, tenantId: 't' });
      expect((store.get(id)?.registration ?? '') > 'zzzz').toBe(true);
    }
  });

  test("a repeat that names no app leaves the client's call in its app, whatever the default is", async () => {
    const { mine, store } = limited();
    const results = await mine.track([{ id: ID, labels: { a: 'b' } }, { id: OTHERS }]);
    expect(results).toMatchObject([{ kind: 'updated' }, { kind: 'forbidden' }]);
    expect(store.get(ID)).toMatchObject({ app: 'mine', labels: { a: 'b' } });
    // To clear it is to ask for the default.
    expect(await mine.track([{ id: ID, app: null }])).toMatchObject([{ kind: 'forbidden' }]);
    expect(store.get(ID)?.app).toBe('mine');
  });

  test('a call that moves to another app at the same moment is not', async () => {
    const { mine, store } = limited();
    putAtWrite(store, aCall({ id: 'call-new', app: 'another' }));
    const [result] = await mine.track([{ id: 'call-new', app: 'mine' }]);
    expect(result).toMatchObject({ kind: 'forbidden' });
    expect(store.get('call-new')?.app).toBe('another');
  });

  test('for an app that is not configured names none but those within reach', async () => {
    const { all } = limited();
    const [result] = await all.within(new Set(['mine', 'gone'])).track([{ id: ID, app: 'gone' }]);
    expect(result).toMatchObject({
      kind: 'invalid',
      message: 'no app of this name is configured; there is mine',
    });
  });
});

describe('to stop', () => {
  test("one's own call is granted", async () => {
    const { mine, store } = limited();
    expect(await mine.untrack(ID)).toEqual({ durable: true, stopped: true });
    expect(store.get(ID)).toBeNull();
  });

  test("another's call is like an unknown one, and nothing changes", async () => {
    const { mine, store } = limited();
    const gone = aGoneCall({ id: 'call-gone', app: 'another', removal: 'expired' });
    store.gone.set('call-gone', gone);
    const unknown = await mine.untrack('call-nobody');
    expect(await mine.untrack(OTHERS)).toEqual(unknown);
    expect(await mine.untrack('call-gone')).toEqual(unknown);
    expect(store.get(OTHERS)).not.toBeNull();
    expect(store.gone.get('call-gone')).toEqual(gone);
  });

  test('a call that moves to another app at the same moment changes nothing', async () => {
    const { mine, store } = limited();
    putAtWrite(store, aCall({ id: ID, app: 'another' }));
    expect(await mine.untrack(ID)).toEqual({ durable: true, stopped: false });
    expect(store.get(ID)?.app).toBe('another');
  });

  test('an unknown call leaves no word behind that would stop one of any app', async () => {
    const { mine, store } = limited();
    store.gone.set('call-stopped', tombstone('call-stopped', 'r1', 1));
    for (const id of ['call-nobody', 'call-stopped']) {
      expect(await mine.untrack(id)).toEqual({ durable: true, stopped: false });
      const gone = store.gone.get(id);
      const call = (app: string) => aCall({ id, app, registration: '0' });
      expect([gone && covers(gone, call('mine')), gone && covers(gone, call('another'))]).toEqual([
        true,
        false,
      ]);
    }
  });

  test("one's own removed call affects only one's own calls with that id", async () => {
    const { mine, all, store } = limited();
    store.gone.set(ID, aGoneCall({ id: ID, app: 'mine' }));
    store.calls.delete(ID);
    await mine.untrack(ID);
    expect(store.gone.get(ID)).toMatchObject({ removal: 'ended', onlyApps: ['mine'] });
    await all.untrack(ID);
    expect(store.gone.get(ID)?.onlyApps).toBeUndefined();
  });

  test('an unknown call while Redis is out is recorded for the apps within reach', async () => {
    const { mine, store, own } = limited();
    store.before = () => {
      throw new StoreUnavailableError('out');
    };
    own.put(aCall({ id: ID, app: 'mine' }));
    expect(await mine.untrack('call-nobody')).toEqual({ durable: false, stopped: false });
    expect(own.gone.get('call-nobody')).toMatchObject({ app: '', onlyApps: ['mine'] });
    expect(await mine.untrack(ID)).toEqual({ durable: false, stopped: true });
  });
});

describe('to see', () => {
  test("another's call is like an unknown one, also after its removal", async () => {
    const { mine, all, store } = limited();
    store.gone.set('call-gone', aGoneCall({ id: 'call-gone', app: 'another' }));
    expect([await mine.find(OTHERS), await mine.find('call-gone')]).toEqual([null, null]);
    expect((await mine.find(ID))?.id).toBe(ID);
    expect((await all.find(OTHERS))?.id).toBe(OTHERS);
  });

  test("a list has only one's own, and its cursor names no other", async () => {
    const { mine, all, store } = limited();
    for (let i = 0; i < 50; i++) {
      store.put(aCall({ id: `call-others-${i}`, app: 'another' }));
      store.put(aCall({ id: `call-mine-${i}`, app: 'mine' }));
    }
    const query = { state: 'tracked', labels: [], limit: 3 } as const;
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await mine.list({ ...query, cursor });
      seen.push(...page.calls.map(({ id }) => id));
      if (page.next !== null) {
        const after = Buffer.from(page.next, 'base64url').toString().split(':')[1];
        expect(['', page.calls.at(-1)?.id]).toContain(after);
      }
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(51);
    expect(seen.every((id) => id === ID || id.startsWith('call-mine-'))).toBe(true);
    const named = await mine.list({ ...query, app: 'another' });
    expect(named).toEqual({ calls: [], next: null });
    expect((await all.list({ ...query, limit: 1_000 })).calls).toHaveLength(102);
  });
});

test("a keepAlive of another's call is like that of an unknown call, and sends Graph nothing", async () => {
  const { mine, graph } = limited();
  expect(await mine.keepAliveNow(OTHERS)).toBeNull();
  expect(graph.sent).toEqual([]);
  expect(await mine.keepAliveNow(ID)).toMatchObject({ call: { id: ID } });
});

describe('notifications', () => {
  test('are not taken for an app beyond reach, which the default may be', async () => {
    const { mine } = limited();
    const notices = [{ kind: 'established' as const, id: 'call-new', tenantId: null }];
    for (const app of ['another', undefined]) {
      expect(await mine.notify(notices, { total: 1, app })).toMatchObject({ kind: 'forbidden' });
    }
  });

  test("change and count nothing of another's calls", async () => {
    const { mine, store } = limited();
    const over = (id: string) => ({ kind: 'over' as const, id, tenantId: null, resultInfo: null });
    store.gone.set('call-gone', aGoneCall({ id: 'call-gone', app: 'another', removal: 'expired' }));
    const notices = [
      over(OTHERS),
      over(ID),
      { kind: 'established' as const, id: 'call-gone', tenantId: null },
    ];
    const result = await mine.notify(notices, { total: 3, app: 'mine' });
    expect(result).toMatchObject({ kind: 'taken', tracked: 1, updated: 0, stopped: 1 });
    expect(store.get(OTHERS)).not.toBeNull();
    // A removed call does not block its id: it is tracked for the app that asks.
    expect(store.get('call-gone')).toMatchObject({ app: 'mine', labels: {} });
  });
});
