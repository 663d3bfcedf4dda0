import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownerId } from '../../src/calls/owner.ts';
import { type CallRecord, emptyRecord } from '../../src/calls/record.ts';
import { LocalRegistry } from '../../src/store/local-registry.ts';
import { LocalOwnedCalls } from '../../src/store/owned-calls.ts';
import { CALLS } from '../../src/store/record-kind.ts';
import { aCall, aRemovedCall, idIn, recordOf, WHEEL } from '../calls/fixture.ts';

const BOT = ownerId({ app: 'default', name: 'bot-7' });

function someCalls() {
  const local = new LocalRegistry({
    kind: CALLS,
    slots: WHEEL.slots,
  });
  return { local, owned: new LocalOwnedCalls(local, WHEEL.slots) };
}

const ID = idIn(3, 0);
const tracked = (owner: string | null, generation: string, app = 'default') =>
  recordOf(aCall({ id: ID, owner, generation, app }));

describe('the calls of an owner', () => {
  test('are counted and found, in every slot', async () => {
    const { local, owned } = someCalls();
    const ids = [idIn(0, 0), idIn(3, 0), idIn(7, 0)];
    for (const id of ids) local.merge(recordOf(aCall({ id, owner: 'bot-7' })));
    local.merge(recordOf(aCall({ id: idIn(3, 1), owner: 'bot-8' })));
    local.merge(recordOf(aCall({ id: idIn(3, 2) })));
    expect(owned.count(BOT)).toBe(3);
    expect((await owned.idsOf(new Set([BOT]))).get(BOT)?.sort()).toEqual(ids.sort());
    expect([...owned.owners()]).toHaveLength(2);
  });

  test('change when a call gets another owner, another app or no owner', () => {
    const { local, owned } = someCalls();
    local.merge(tracked('bot-7', 'r1'));
    local.merge(tracked('bot-8', 'r2'));
    expect(owned.count(BOT)).toBe(0);
    local.merge(tracked('bot-7', 'r3', 'other'));
    expect(owned.count(BOT)).toBe(0);
    expect(owned.count(ownerId({ app: 'other', name: 'bot-7' }))).toBe(1);
    local.merge(tracked(null, 'r4'));
    expect([...owned.owners()]).toEqual([]);
  });

  test('are not counted once they are removed, but found among the removed', async () => {
    const { local, owned } = someCalls();
    local.merge(tracked('bot-7', 'r1'));
    local.merge(recordOf(aRemovedCall({ id: ID, owner: 'bot-7', state: 'untracked' })));
    expect(owned.count(BOT)).toBe(0);
    expect(await owned.idsOf(new Set([BOT]))).toEqual(new Map());
    expect(await owned.removedOf(new Set([BOT]))).toEqual(new Map([[BOT, [ID]]]));
  });

  test('are counted correctly, whatever is merged or dropped', () => {
    const ids = [0, 1, 2].map((i) => idIn(i, 0));
    const aRecord: fc.Arbitrary<CallRecord> = fc
      .record({
        id: fc.constantFrom(...ids),
        owner: fc.constantFrom(null, 'bot-7', 'bot-8'),
        generation: fc.constantFrom('r1', 'r2', 'r3'),
        isRemoved: fc.boolean(),
      })
      .map(({ isRemoved, ...over }) =>
        recordOf(isRemoved ? aRemovedCall({ ...over, state: 'untracked' }) : aCall(over)),
      );
    const aStep = fc.oneof(aRecord, fc.constantFrom(...ids));
    fc.assert(
      fc.property(fc.array(aStep, { maxLength: 30 }), (steps) => {
        const { local, owned } = someCalls();
        for (const step of steps) {
          if (typeof step === 'string') local.drop(step);
          else local.merge(step);
        }
        for (const name of ['bot-7', 'bot-8']) {
          const records = ids.map((id) => local.get(id));
          const theirs = records.filter(
            ({ id, tracking }) => tracking?.owner === name && local.tracked(slot(id)).has(id),
          );
          expect(owned.count(ownerId({ app: 'default', name }))).toBe(theirs.length);
        }
      }),
    );
  });
});

const slot = (id: string) => [0, 1, 2].find((i) => idIn(i, 0) === id) ?? 0;

test('a call that is not known has no owner', () => {
  const { local, owned } = someCalls();
  local.merge({ ...emptyRecord(ID), renewedAt: 5 });
  expect([...owned.owners()]).toEqual([]);
});
