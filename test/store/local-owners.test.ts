import { expect, test } from 'vitest';
import { emptyOwner, type OwnerRecord, ownerId, renewal } from '../../src/calls/owner.ts';
import { LocalOwners } from '../../src/store/local-owners.ts';
import { LocalRegistry } from '../../src/store/local-registry.ts';
import { OWNERS } from '../../src/store/record-kind.ts';
import { NOW } from '../calls/fixture.ts';

const SLOTS = 4;

test('leases are counted by app, whatever the app and the owner are called', () => {
  const local = new LocalRegistry<OwnerRecord>({ kind: OWNERS, slots: SLOTS });
  const owners = new LocalOwners({
    local,
    slots: SLOTS,
    owned: { count: () => 0, owners: () => [] },
    membership: { servedSince: NOW },
    clock: { now: () => NOW },
    skewMs: 1_000,
    graceMs: 60_000,
  });
  const named = (app: string, count: number) => {
    for (let i = 0; i < count; i++) {
      const record = renewal(emptyOwner(ownerId({ app, name: `bot-${i}` })), 90_000, NOW);
      if (record !== null) local.merge(record);
    }
  };
  named('sales', 3);
  named('pre@sales', 2);
  named('sales@eu', 4);
  expect(
    ['sales', 'pre@sales', 'sales@eu', 'nobody'].map((app) => owners.countLeasesOf(app)),
  ).toEqual([3, 2, 4, 0]);
  expect(owners.countLeases()).toBe(9);
});
