import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import { CursorError, type ListQuery, listCalls } from '../../src/calls/listing.ts';
import { aCall, aGoneCall, idsIn, MemoryStore } from './fixture.ts';

const SLOTS = 40;
const anId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{7,20}$/);

function aStore(...calls: Call[]): MemoryStore {
  const store = new MemoryStore({ intervalMs: 900_000, slots: SLOTS });
  store.put(...calls);
  return store;
}

async function pages(store: MemoryStore, query: Partial<ListQuery>) {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await listCalls(store, SLOTS, {
      state: 'tracked',
      labels: [],
      reach: null,
      limit: 10,
      ...query,
      cursor,
    });
    pages.push(page.calls.map(({ id }) => id));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return pages;
}

describe('the pages', () => {
  test('hold every call exactly once, whatever their limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anId, { maxLength: 120 }),
        fc.integer({ min: 1, max: 130 }),
        async (ids, limit) => {
          const listed = await pages(aStore(...ids.map((id) => aCall({ id }))), { limit });
          expect(listed.flat().toSorted()).toEqual(ids.toSorted());
          for (const page of listed.slice(0, -1)) expect(page).toHaveLength(limit);
          if (ids.length > 0) expect(listed.at(-1)).not.toEqual([]);
        },
      ),
    );
  });

  test('hold every call that stays exactly once, while others come and go', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anId, { minLength: 2, maxLength: 80 }),
        fc.integer({ min: 1, max: 7 }),
        fc.infiniteStream(fc.nat()),
        async (ids, limit, chance) => {
          const staying = ids.filter((_, i) => i % 2 === 0);
          const passing = ids.filter((_, i) => i % 2 === 1);
          const store = aStore(...staying.map((id) => aCall({ id })));
          const listed: string[] = [];
          let cursor: string | undefined;
          do {
            for (const id of passing) {
              if ((chance.next().value ?? 0) % 2 === 0) store.calls.delete(id);
              else store.put(aCall({ id }));
            }
            const page = await listCalls(store, SLOTS, {
              state: 'tracked',
              labels: [],
              reach: null,
              limit,
              cursor,
            });
            listed.push(...page.calls.map(({ id }) => id));
            cursor = page.next ?? undefined;
          } while (cursor !== undefined);
          expect(listed.filter((id) => staying.includes(id)).toSorted()).toEqual(
            staying.toSorted(),
          );
          expect(new Set(listed).size).toBe(listed.length);
        },
      ),
    );
  });

  test('of a filter that few calls match hold all of them', async () => {
    const calls = Array.from({ length: 300 }, (_, i) =>
      aCall({ id: `call-${1000 + i}`, app: i % 100 === 7 ? 'rare' : 'default' }),
    );
    expect((await pages(aStore(...calls), { app: 'rare', limit: 2 })).flat().toSorted()).toEqual([
      'call-1007',
      'call-1107',
      'call-1207',
    ]);
  });

  test('look at no more than a bounded number of calls each, and go on from there', async () => {
    const wheel = { intervalMs: 900_000, slots: SLOTS };
    const store = new MemoryStore(wheel);
    const crowd = Array.from({ length: 12_000 }, (_, i) => ({
      call: aCall({ id: `call-${i}` }),
      version: '1',
    }));
    store.readSlot = async (slot) =>
      slot === SLOTS - 1
        ? [{ call: aCall({ id: 'call-last', app: 'rare' }), version: '1' }]
        : crowd;
    const first = await listCalls(store, SLOTS, {
      state: 'tracked',
      labels: [],
      reach: null,
      limit: 10,
      app: 'rare',
    });
    expect(first.calls).toEqual([]);
    expect(first.next).not.toBeNull();
    const all = await pages(store, { app: 'rare' });
    expect(all.flat()).toEqual(['call-last']);
    expect(all.length).toBeGreaterThan(2);
  });
});

describe('a list', () => {
  test('that one slot fills reads no other', async () => {
    const store = aStore(
      ...idsIn(0, 20, { intervalMs: 900_000, slots: SLOTS }).map((id) => aCall({ id })),
    );
    const read: number[] = [];
    const readSlot = store.readSlot.bind(store);
    store.readSlot = (slot) => {
      read.push(slot);
      return readSlot(slot);
    };
    const { calls } = await listCalls(store, SLOTS, {
      state: 'tracked',
      labels: [],
      reach: null,
      limit: 10,
    });
    expect([calls.length, read]).toEqual([10, [0]]);
  });

  test('is of one state', async () => {
    const store = aStore(aCall({ id: 'call-tracked' }));
    for (const removal of ['ended', 'expired', 'untracked'] as const) {
      store.gone.set(`call-${removal}`, aGoneCall({ id: `call-${removal}`, removal }));
    }
    for (const state of ['tracked', 'ended', 'expired', 'untracked'] as const) {
      expect((await pages(store, { state })).flat()).toEqual([`call-${state}`]);
    }
  });

  test.each([
    [['env'], ['call-both', 'call-env-a', 'call-env-b']],
    [['env=a'], ['call-both', 'call-env-a']],
    [['env='], []],
    [['env=a', 'bot'], ['call-both']],
    [['eq=x=y'], ['call-both']],
    [['eq=x'], []],
    [['none'], []],
    [['constructor'], []],
    [['__proto__'], ['call-proto']],
    [['__proto__=p'], ['call-proto']],
    [['toString'], []],
    [['hasOwnProperty=x'], []],
    [[''], []],
  ])('by the labels %j has %j', async (labels, expected) => {
    const proto = JSON.parse('{"__proto__":"p"}') as Record<string, string>;
    const store = aStore(
      aCall({ id: 'call-env-a', labels: { env: 'a' } }),
      aCall({ id: 'call-env-b', labels: { env: 'b' } }),
      aCall({ id: 'call-both', labels: { env: 'a', bot: '1', eq: 'x=y' } }),
      aCall({ id: 'call-proto', labels: proto }),
      aCall({ id: 'call-none' }),
    );
    expect((await pages(store, { labels })).flat().toSorted()).toEqual(expected);
  });

  const cursorOf = (text: string) => Buffer.from(text).toString('base64url');
  test.each([
    ['', ''],
    ['no base64', '***'],
    ['no position', cursorOf('hello')],
    ['a negative slot', cursorOf('-1:')],
    ['a slot that is no number', cursorOf('x:call-0001')],
    ['a slot that this wheel does not have', cursorOf(`${SLOTS}:call-0001`)],
    ['a number too long', cursorOf('1234567:call-0001')],
    ['an id that is none', cursorOf('1:../etc')],
    ['a line more', cursorOf('1:call-0001\n')],
    ['NUL', cursorOf('1:\0')],
    ['an id too long', cursorOf(`1:${'a'.repeat(129)}`)],
    ['a mebibyte', 'A'.repeat(1 << 20)],
  ])('does not go on from a cursor with %s', async (_, cursor) => {
    const listed = listCalls(aStore(aCall()), SLOTS, {
      state: 'tracked',
      labels: [],
      reach: null,
      limit: 1,
      cursor,
    });
    await expect(listed).rejects.toThrow(CursorError);
  });
});
