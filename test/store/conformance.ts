import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Call, forget, tombstone } from '../../src/calls/call.ts';
import type { CallStore, Change, Entry } from '../../src/calls/ports.ts';
import { aCall, anError, idIn, idsIn, NOW } from '../calls/fixture.ts';
import { DONE } from './fixture.ts';

const SLOT = 3;
const [ONE, TWO, THREE] = [idIn(SLOT, 0), idIn(SLOT, 1), idIn(SLOT, 2)];
const ELSEWHERE = idIn(SLOT + 1);

/** What every store promises, whatever it keeps its calls in. */
export function behavesAsStore(name: string, emptyStore: () => Promise<CallStore>): void {
  describe(`${name}, as a store,`, () => {
    let store: CallStore;
    beforeEach(async () => {
      store = await emptyStore();
    });

    const track = async (...calls: Call[]) => {
      const results = await store.write(
        calls.map((next) => ({ id: next.id, expected: null, next, tell: 'tracked' as const })),
      );
      expect(results).toEqual(calls.map(() => DONE));
      return read(...calls.map(({ id }) => id));
    };
    const read = async (...ids: string[]): Promise<Entry[]> => {
      const entries = await store.find(ids);
      return entries.map((entry, i) => entry ?? expect.fail(`${ids[i]} is not there`));
    };

    test('gives back what was written, with all there is to a call', async () => {
      const call = aCall({
        id: ONE,
        labels: { bot: 'b', 'key with = and ü': 'Grüße' },
        webhookUrl: 'https://bot.example/hook?x=1',
        startedAt: NOW - 5,
        trackUntil: NOW + 5,
        renewedAt: NOW - 1,
        retryAt: NOW + 1,
        consecutiveFailures: 2,
        atRiskAt: NOW,
        lastError: anError(),
      });
      const [entry] = await track(call);
      expect(entry?.call).toEqual(call);
      expect(await store.readSlot(SLOT)).toEqual([entry]);
    });

    test('finds in the order asked, null for what is not tracked, an id twice twice', async () => {
      const [one, two] = await track(aCall({ id: ONE }), aCall({ id: TWO }));
      expect(await store.find([TWO, ELSEWHERE, ONE, TWO])).toEqual([two, null, one, two]);
      expect(await store.find([])).toEqual([]);
    });

    test('reads a slot whole, and nothing of the others', async () => {
      await track(...[ONE, TWO, THREE, ELSEWHERE].map((id) => aCall({ id })));
      const ids = (await store.readSlot(SLOT)).map(({ call }) => call.id);
      expect(ids.toSorted()).toEqual([ONE, TWO, THREE].toSorted());
      expect(await store.readSlot(SLOT + 2)).toEqual([]);
    });

    test('reads a slot of thousands whole', async () => {
      const ids = idsIn(SLOT, 3_000);
      for (let i = 0; i < ids.length; i += 500) {
        await track(...ids.slice(i, i + 500).map((id) => aCall({ id })));
      }
      const there = (await store.readSlot(SLOT)).map(({ call }) => call.id);
      expect(there.toSorted()).toEqual(ids.toSorted());
    });

    test('writes nothing for no changes', async () => {
      expect(await store.write([])).toEqual([]);
    });

    test('writes only on what a change is based on, and says what stands there instead', async () => {
      const [entry] = await track(aCall({ id: ONE }));
      const rival: Change = {
        id: ONE,
        expected: null,
        next: aCall({ id: ONE, registration: 'r2' }),
      };
      expect(await store.write([rival])).toEqual([{ done: false, current: entry }]);
      const stale: Change = { ...rival, expected: 'another version' };
      expect(await store.write([stale])).toEqual([{ done: false, current: entry }]);
      const based: Change = { ...rival, expected: entry?.version ?? '' };
      expect(await store.write([based])).toEqual([DONE]);
      expect(await store.write([based])).toEqual([{ done: false, current: (await read(ONE))[0] }]);
      expect((await read(ONE))[0]?.call.registration).toBe('r2');
    });

    test('does not write where the call is gone that a change is based on', async () => {
      const [entry] = await track(aCall({ id: ONE }));
      const gone = forget(aCall({ id: ONE }), 'untracked', NOW);
      const remove: Change = { id: ONE, expected: entry?.version ?? '', gone };
      expect(await store.write([remove])).toEqual([DONE]);
      const late: Change = {
        id: ONE,
        expected: entry?.version ?? '',
        next: aCall({ id: ONE, renewedAt: NOW }),
      };
      expect(await store.write([late, remove])).toEqual([
        { done: false, current: null },
        { done: false, current: null },
      ]);
      expect(await store.find([ONE])).toEqual([null]);
    });

    test('writes each change on its own, in their order, with a result for each', async () => {
      const [two] = await track(aCall({ id: TWO }));
      const results = await store.write([
        { id: ONE, expected: null, next: aCall({ id: ONE }), tell: 'tracked' },
        { id: TWO, expected: null, next: aCall({ id: TWO, registration: 'r2' }) },
        { id: ELSEWHERE, expected: null, next: aCall({ id: ELSEWHERE }), tell: 'tracked' },
        { id: ONE, expected: null, next: aCall({ id: ONE, registration: 'r3' }) },
        { id: TWO, expected: two?.version ?? '', next: aCall({ id: TWO, registration: 'r4' }) },
      ]);
      const [one] = await read(ONE);
      expect(results).toEqual([
        DONE,
        { done: false, current: two },
        DONE,
        { done: false, current: one },
        DONE,
      ]);
      expect(one?.call.registration).toBe('r1');
      expect((await read(TWO))[0]?.call.registration).toBe('r4');
    });

    test('gives equal versions to equal values only', async () => {
      const [before] = await track(aCall({ id: ONE }));
      expect((await read(ONE))[0]?.version).toBe(before?.version);
      await store.write([
        { id: ONE, expected: before?.version ?? '', next: aCall({ id: ONE, renewedAt: NOW }) },
      ]);
      expect((await read(ONE))[0]?.version).not.toBe(before?.version);
    });

    test('remembers a call that has left, until it is tracked again', async () => {
      const [entry] = await track(aCall({ id: ONE, labels: { bot: 'b' } }));
      const gone = forget(entry?.call ?? aCall(), 'expired', NOW + 7);
      await store.write([{ id: ONE, expected: entry?.version ?? '', gone }]);
      expect(await store.find([ONE])).toEqual([null]);
      expect(await store.readSlot(SLOT)).toEqual([]);
      expect(await store.findGone([ONE])).toEqual([gone]);
      expect(await store.readGone(SLOT)).toEqual([gone]);
      expect(await store.readGone(SLOT + 1)).toEqual([]);
      await track(aCall({ id: ONE }));
      expect(await store.findGone([ONE])).toEqual([null]);
      expect(await store.readGone(SLOT)).toEqual([]);
    });

    test('forgets those that left before an instant, and only those', async () => {
      const leave = async (id: string, goneAt: number) => {
        const [entry] = await track(aCall({ id }));
        await store.write([
          { id, expected: entry?.version ?? '', gone: forget(aCall({ id }), 'ended', goneAt) },
        ]);
      };
      await leave(ONE, NOW - 1);
      await leave(TWO, NOW);
      await leave(THREE, NOW + 1);
      await store.forgetGone(SLOT, NOW);
      expect(await store.findGone([ONE])).toEqual([null]);
      expect((await store.readGone(SLOT)).map(({ id }) => id).toSorted()).toEqual(
        [TWO, THREE].toSorted(),
      );
      await store.forgetGone(SLOT, NOW + 100);
      expect(await store.readGone(SLOT)).toEqual([]);
    });

    test('stands against rivals: of writes based on the same version one counts', async () => {
      const [entry] = await track(aCall({ id: ONE }));
      const rivals = Array.from({ length: 20 }, (_, i) =>
        store.write([
          {
            id: ONE,
            expected: entry?.version ?? '',
            next: aCall({ id: ONE, registration: `rival-${i}` }),
          },
        ]),
      );
      const results = (await Promise.all(rivals)).flat();
      const winner = results.findIndex(({ done }) => done);
      expect(results.filter(({ done }) => done)).toHaveLength(1);
      expect((await read(ONE))[0]?.call.registration).toBe(`rival-${winner}`);
    });

    test('does what a Map does, through any sequence of changes', async () => {
      const ids = [ONE, TWO, ELSEWHERE];
      const aChange = fc.record({
        id: fc.constantFrom(...ids),
        what: fc.constantFrom('track', 'put', 'remove'),
        basis: fc.constantFrom('current', 'current', 'current', 'none', 'stale'),
        renewedAt: fc.nat({ max: 5 }),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(aChange, { maxLength: 5 }), { maxLength: 8 }),
          async (batches) => {
            store = await emptyStore();
            const tracked = new Map<string, Call>();
            const gone = new Map<string, number>();
            for (const batch of batches) {
              const entries = new Map((await store.find(ids)).map((entry, i) => [ids[i], entry]));
              // One change an id, as all callers have it.
              for (const { id, what, basis, renewedAt } of new Map(
                batch.map((c) => [c.id, c]),
              ).values()) {
                const version =
                  basis === 'current'
                    ? (entries.get(id)?.version ?? null)
                    : basis === 'none'
                      ? null
                      : 'stale';
                const call = aCall({ id, renewedAt });
                const isBased = version === (entries.get(id)?.version ?? null);
                if (what === 'remove' && version === null) continue;
                const change: Change =
                  what === 'remove'
                    ? { id, expected: version ?? '', gone: forget(call, 'ended', NOW) }
                    : {
                        id,
                        expected: version,
                        next: call,
                        ...(what === 'track' || version === null ? { tell: 'tracked' } : {}),
                      };
                const [result] = await store.write([change]);
                expect(result?.done).toBe(isBased);
                if (!isBased) continue;
                if (what === 'remove') gone.set(id, renewedAt);
                else gone.delete(id);
                if (what === 'remove') tracked.delete(id);
                else tracked.set(id, call);
              }
              expect((await store.find(ids)).map((entry) => entry?.call ?? null)).toEqual(
                ids.map((id) => tracked.get(id) ?? null),
              );
              const remembered = await store.findGone(ids);
              expect(remembered.map((call) => call?.renewedAt)).toEqual(
                ids.map((id) => gone.get(id)),
              );
            }
          },
        ),
        { numRuns: 40 },
      );
    }, 60_000);

    test('remembers the stop of a call that it does not know, again and again', async () => {
      expect(await store.stopUnknown(tombstone(ONE, 'r5', NOW))).toBe(true);
      expect(await store.findGone([ONE])).toEqual([tombstone(ONE, 'r5', NOW)]);
      const limited = tombstone(ONE, 'r50', NOW, ['one', 'two']);
      expect(await store.stopUnknown(limited)).toBe(true);
      expect(await store.findGone([ONE])).toEqual([limited]);
      expect(await store.stopUnknown(tombstone(ONE, 'r6', NOW))).toBe(true);
      await track(aCall({ id: ONE }));
      expect(await store.stopUnknown(tombstone(ONE, 'r7', NOW))).toBe(false);
    });
  });
}
