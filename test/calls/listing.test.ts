import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Call, isRemoved, type RemovedCall } from '../../src/calls/call.ts';
import { type ListPosition, type ListQuery, listCalls } from '../../src/calls/listing.ts';
import type { CallRegistry } from '../../src/calls/ports.ts';
import type { CallRecord } from '../../src/calls/record.ts';
import { slotOf, type Wheel } from '../../src/calls/wheel.ts';
import { aCall, aRemovedCall, idsIn, recordOf } from './fixture.ts';

const SLOTS = 40;
const anId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{7,20}$/);

const A_WHEEL: Wheel = { intervalMs: 900_000, slots: SLOTS };

/** All calls by their ids, and the slots that were read. */
class FakeSlots implements Pick<CallRegistry, 'readSlot'> {
  readonly calls = new Map<string, Call | RemovedCall>();
  readonly read: number[] = [];

  constructor(...calls: (Call | RemovedCall)[]) {
    for (const call of calls) this.put(call);
  }

  put(call: Call | RemovedCall): void {
    this.calls.set(call.id, call);
  }

  async readSlot(slot: number, which: 'tracked' | 'removed'): Promise<CallRecord[]> {
    this.read.push(slot);
    return [...this.calls.values()]
      .filter(({ id }) => slotOf(id, A_WHEEL) === slot)
      .filter((call) => isRemoved(call) === (which === 'removed'))
      .map(recordOf);
  }
}

async function pages(registry: Pick<CallRegistry, 'readSlot'>, query: Partial<ListQuery>) {
  const pages: string[][] = [];
  let start: ListPosition | undefined;
  do {
    const page = await listCalls(registry, SLOTS, {
      state: 'tracked',
      labels: [],
      visibleApps: null,
      limit: 10,
      ...query,
      start,
    });
    pages.push(page.calls.map(({ id }) => id));
    start = page.next ?? undefined;
  } while (start !== undefined);
  return pages;
}

describe('the pages', () => {
  test('hold every call exactly once, whatever their limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anId, { maxLength: 120 }),
        fc.integer({ min: 1, max: 130 }),
        async (ids, limit) => {
          const listed = await pages(new FakeSlots(...ids.map((id) => aCall({ id }))), { limit });
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
          const registry = new FakeSlots(...staying.map((id) => aCall({ id })));
          const listed: string[] = [];
          let start: ListPosition | undefined;
          do {
            for (const id of passing) {
              if ((chance.next().value ?? 0) % 2 === 0) registry.calls.delete(id);
              else registry.put(aCall({ id }));
            }
            const page = await listCalls(registry, SLOTS, {
              state: 'tracked',
              labels: [],
              visibleApps: null,
              limit,
              start,
            });
            listed.push(...page.calls.map(({ id }) => id));
            start = page.next ?? undefined;
          } while (start !== undefined);
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
    expect(
      (await pages(new FakeSlots(...calls), { app: 'rare', limit: 2 })).flat().toSorted(),
    ).toEqual(['call-1007', 'call-1107', 'call-1207']);
  });

  test('look at no more than a bounded number of calls each, and go on from there', async () => {
    const crowd = Array.from({ length: 12_000 }, (_, i) => recordOf(aCall({ id: `call-${i}` })));
    const last = recordOf(aCall({ id: 'call-last', app: 'rare' }));
    const registry = {
      readSlot: async (slot: number) => (slot === SLOTS - 1 ? [last] : [...crowd]),
    };
    const first = await listCalls(registry, SLOTS, {
      state: 'tracked',
      labels: [],
      visibleApps: null,
      limit: 10,
      app: 'rare',
    });
    expect(first.calls).toEqual([]);
    expect(first.next).not.toBeNull();
    const all = await pages(registry, { app: 'rare' });
    expect(all.flat()).toEqual(['call-last']);
    expect(all.length).toBeGreaterThan(2);
  });
});

describe('a list', () => {
  test('that one slot fills reads no other', async () => {
    const registry = new FakeSlots(...idsIn(0, 20, A_WHEEL).map((id) => aCall({ id })));
    const { calls } = await listCalls(registry, SLOTS, {
      state: 'tracked',
      labels: [],
      visibleApps: null,
      limit: 10,
    });
    expect([calls.length, registry.read]).toEqual([10, [0]]);
  });

  test('is of one state', async () => {
    const registry = new FakeSlots(aCall({ id: 'call-tracked' }));
    for (const state of ['ended', 'expired', 'untracked'] as const) {
      registry.put(aRemovedCall({ id: `call-${state}`, state }));
    }
    for (const state of ['tracked', 'ended', 'expired', 'untracked'] as const) {
      expect((await pages(registry, { state })).flat()).toEqual([`call-${state}`]);
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
    const registry = new FakeSlots(
      aCall({ id: 'call-env-a', labels: { env: 'a' } }),
      aCall({ id: 'call-env-b', labels: { env: 'b' } }),
      aCall({ id: 'call-both', labels: { env: 'a', bot: '1', eq: 'x=y' } }),
      aCall({ id: 'call-proto', labels: proto }),
      aCall({ id: 'call-none' }),
    );
    expect((await pages(registry, { labels })).flat().toSorted()).toEqual(expected);
  });
});
