import { describe, expect, test } from 'vitest';
import {
  describeOwner,
  drop,
  emptyOwner,
  expireLease,
  type OwnerRecord,
  renewal,
} from '../../src/calls/owner.ts';
import { OwnerList, type OwnerPage, type OwnerQuery } from '../../src/owners/owner-list.ts';
import { LocalRegistry } from '../../src/store/local-registry.ts';
import { OWNERS } from '../../src/store/record-kind.ts';
import { NOW } from '../calls/fixture.ts';

const SLOTS = 4;
const COUNT = 200;
const LATE = { now: 2 * NOW, servedSince: 0, graceMs: 0 };

/** A list of owners that this replica alone knows. Every tenth has calls. */
function aList() {
  const local = new LocalRegistry<OwnerRecord>({ kind: OWNERS, slots: SLOTS });
  const ids = Array.from({ length: COUNT }, (_, i) => `bot-${i}@app`);
  for (const id of ids) local.merge(renewal(emptyOwner(id), 90_000, NOW));
  const expire = (id: string) => local.merge(expireLease(local.get(id), LATE) ?? emptyOwner(id));
  let reads = 0;
  const calls = new Set(ids.filter((_, i) => i % 10 === 0));
  const list = new OwnerList({
    registry: {
      readIds: async (slot, which) => [...local[which](slot).keys()],
      read: async (some) => {
        reads += some.length;
        return some.map((id) => local.get(id));
      },
    },
    slots: SLOTS,
    withCalls: () => calls,
    present: (record) =>
      describeOwner(record, calls.has(record.id) ? 1 : 0, { servedSince: 0, graceMs: 0 }),
    clock: { sleep: async () => undefined },
  });
  const namesOn = ({ owners }: OwnerPage) => owners.map(({ name }) => name);
  const all = async (query: Omit<OwnerQuery, 'after'>) => {
    const names: string[] = [];
    let after: string | undefined;
    do {
      const page = await list.page({ ...query, after }, null);
      names.push(...namesOn(page));
      after = page.next ?? undefined;
    } while (after !== undefined);
    return names;
  };
  return { list, local, expire, calls, all, ids, reads: () => reads };
}

describe('a list of owners', () => {
  test('has each owner once, in order, whatever the size of its pages', async () => {
    const { all, ids } = aList();
    const sorted = ids.toSorted().map((id) => id.replace('@app', ''));
    for (const limit of [1, 7, COUNT - 1, COUNT]) expect(await all({ limit })).toEqual(sorted);
  });

  test('reads only one record more than a page shows', async () => {
    const { list, reads } = aList();
    const page = await list.page({ limit: 5, after: 'bot-150@app' }, null);
    expect(page.next).not.toBeNull();
    expect(reads()).toBe(6);
  });

  test('shows owners of one state, and owners without a lease only if they have calls', async () => {
    const { local, expire, calls, all } = aList();
    for (const id of ['bot-11@app', 'bot-12@app', 'bot-13@app']) expire(id);
    expire('bot-12@app');
    for (const id of ['bot-20@app', 'bot-21@app']) local.merge(drop(local.get(id), 2 * NOW));
    calls.add('bot-new@app');
    expect(await all({ limit: 1, state: 'lapsed' })).toEqual(['bot-11', 'bot-13']);
    expect(await all({ limit: 1, state: 'lost' })).toEqual(['bot-12']);
    expect(await all({ limit: 1, state: 'none' })).toEqual(['bot-20', 'bot-new']);
    expect(await all({ limit: 50 })).toHaveLength(COUNT - 2 + 1);
  });
});
