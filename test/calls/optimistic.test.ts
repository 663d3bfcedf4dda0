import { describe, expect, test, vi } from 'vitest';
import { forget } from '../../src/calls/call.ts';
import { decideAndWrite } from '../../src/calls/optimistic.ts';
import { aCall, MemoryStore, NOW } from './fixture.ts';

const ID = 'call-0001';

async function aStoreWith(...ids: string[]) {
  const store = new MemoryStore();
  store.put(...ids.map((id) => aCall({ id })));
  const entries = await store.find(ids);
  return { store, subjects: ids.map((id, i) => ({ id, entry: entries[i] ?? null })) };
}

describe('a decision', () => {
  test('is made on what was read, and written where that still stands', async () => {
    const { store, subjects } = await aStoreWith(ID);
    const decide = vi.fn(() => ({ next: aCall({ registration: 'r2' }) }));
    expect(await decideAndWrite(store, subjects, decide)).toEqual([
      { next: aCall({ registration: 'r2' }) },
    ]);
    expect(decide).toHaveBeenCalledTimes(1);
    expect(store.get(ID)?.registration).toBe('r2');
  });

  test('is made again on what stands there, where somebody wrote in between', async () => {
    const { store, subjects } = await aStoreWith(ID);
    store.put(aCall({ labels: { written: 'in between' } }));
    const [effect] = await decideAndWrite(store, subjects, (current) =>
      current ? { next: { ...current.call, renewedAt: NOW } } : null,
    );
    expect(effect).toEqual({ next: aCall({ labels: { written: 'in between' }, renewedAt: NOW }) });
    expect(store.get(ID)).toEqual(aCall({ labels: { written: 'in between' }, renewedAt: NOW }));
  });

  test('is made on nothing, where the call has gone in between', async () => {
    const { store, subjects } = await aStoreWith(ID);
    store.calls.delete(ID);
    const seen: unknown[] = [];
    const effects = await decideAndWrite(store, subjects, (current) => {
      seen.push(current);
      return current ? { next: current.call } : null;
    });
    expect(effects).toEqual([null]);
    expect(seen).toEqual([subjects[0]?.entry, null]);
    expect(store.get(ID)).toBeNull();
  });

  test('of one call does not hold up or repeat those of others', async () => {
    const { store, subjects } = await aStoreWith('call-0001', 'call-0002', 'call-0003');
    store.put(aCall({ id: 'call-0002', registration: 'r2' }));
    const decided: string[] = [];
    const effects = await decideAndWrite(store, subjects, (current, { id }) => {
      decided.push(id);
      if (id === 'call-0003') return null;
      return current && { gone: forget(current.call, 'ended', NOW) };
    });
    expect(decided).toEqual(['call-0001', 'call-0002', 'call-0003', 'call-0002']);
    expect(effects.map((effect) => effect && 'gone' in effect && effect.gone.registration)).toEqual(
      ['r1', 'r2', null],
    );
    expect([...store.calls.keys()]).toEqual(['call-0003']);
  });

  test('gives up where somebody writes the same call in a loop', async () => {
    const { store, subjects } = await aStoreWith(ID);
    let rival = 0;
    store.before = (op) => {
      if (op === 'write') store.put(aCall({ registration: `rival-${rival++}` }));
    };
    const contended = decideAndWrite(
      store,
      subjects,
      (current) => current && { next: current.call },
    );
    await expect(contended).rejects.toThrow('1 calls are contended');
    expect(rival).toBeGreaterThan(10);
  });

  test('to take a call off the schedule that is not on it is a mistake of ours', async () => {
    const { store } = await aStoreWith();
    const gone = forget(aCall(), 'ended', NOW);
    await expect(
      decideAndWrite(store, [{ id: ID, entry: null }], () => ({ gone })),
    ).rejects.toThrow('is not tracked');
  });
});
