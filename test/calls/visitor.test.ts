import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { slotWidthMs, turnAfter } from '../../src/calls/wheel.ts';
import {
  aCall,
  aWorld,
  failed,
  idIn,
  idle,
  idsIn,
  MINUTE,
  NEVER,
  renewed,
  SECOND,
  SKEW_MS,
  WHEEL,
  type WorldOptions,
} from './fixture.ts';

const SLOT = 3;

/** A world at the turn of a slot, with so many calls in it that are due. */
function atTurn(count: number, over: WorldOptions = {}) {
  const world = aWorld(over);
  const turnAt = turnAfter(SLOT, world.clock.now(), WHEEL);
  world.clock.set(turnAt);
  const ids = idsIn(SLOT, count);
  const put = (id: string, more: Partial<Call> = {}) =>
    world.store.put(
      aCall({ id, trackedAt: turnAt - 20 * MINUTE, renewedAt: turnAt - 15 * MINUTE, ...more }),
    );
  for (const id of ids) put(id);
  return { ...world, turnAt, ids, id: ids[0] ?? '', put };
}

describe('a visit of a slot', () => {
  test('posts what is due in it, once, and nothing else', async () => {
    const { visitor, store, graph, quiet, turnAt, ids, id } = atTurn(3);
    store.put(aCall({ id: idIn(SLOT + 1), trackedAt: turnAt - 20 * MINUTE }));
    store.put(aCall({ id, trackedAt: turnAt - 20 * MINUTE, renewedAt: turnAt }));
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBe('done');
    await quiet();
    expect(graph.ids.toSorted()).toEqual(ids.slice(1).toSorted());
    for (const each of ids) expect(store.get(each)?.renewedAt).toBe(turnAt);
  });

  test('ends at once, though its calls hang', async () => {
    const { visitor, graph, turnAt, ids } = atTurn(10);
    graph.answer = () => new Promise(() => undefined);
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBe('done');
    // A new lane has one place.
    expect(graph.ids).toEqual(ids.slice(0, 1));
  });

  test('posts the second time only what is still missing', async () => {
    const { visitor, graph, quiet, turnAt, ids, id } = atTurn(3);
    graph.answer = (call, at) => (call.id === id ? failed(at) : renewed(at));
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    await quiet();
    expect(graph.ids.toSorted()).toEqual(ids.toSorted());
    graph.answer = (_, at) => renewed(at);
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    await quiet();
    expect(graph.ids.slice(3)).toEqual([]); // it waits for its next attempt, which is planned
  });

  test('by two visits of one replica at once posts each call once', async () => {
    const { visitor, graph, quiet, turnAt, ids } = atTurn(3);
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      await gate.promise;
      return renewed(at);
    };
    await Promise.all([1, 2].map(() => visitor.visitSlot(SLOT, turnAt, NEVER)));
    gate.resolve();
    await quiet();
    expect(graph.ids.toSorted()).toEqual(ids.toSorted());
  });

  test('stops a call when its trackUntil has come, and later one whose time is near', async () => {
    const { visitor, store, graph, told, clock, quiet, turnAt, put, ids } = atTurn(2);
    const [over = '', soon = ''] = ids;
    put(over, { trackUntil: turnAt });
    put(soon, { trackUntil: turnAt + 7 * MINUTE });
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    await quiet();
    expect(graph.ids).toEqual([soon]);
    expect(store.gone.get(over)?.removal).toBe('untracked');
    expect(store.get(soon)).not.toBeNull();
    await clock.advance(turnAt + 7 * MINUTE + SECOND - clock.now());
    expect(told.removals.map(({ id }) => id)).toEqual([over, soon]);
    expect(graph.ids).toEqual([soon]);
  });

  test('leaves alone a turn that is far from come, of a job taken by a machine whose clock is wrong', async () => {
    const { visitor, graph, clock, quiet, turnAt } = atTurn(1);
    clock.set(turnAt - SKEW_MS - 1);
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBe('done');
    await quiet();
    expect(graph.sent).toEqual([]);
  });

  test('waits for its turn where the job came a little early, so that what is sent counts for it', async () => {
    const { visitor, store, graph, clock, quiet, turnAt, id } = atTurn(1);
    clock.set(turnAt - 7);
    expect(await clock.through(visitor.visitSlot(SLOT, turnAt, NEVER))).toBe('done');
    await quiet();
    expect(graph.sent).toMatchObject([{ id, at: turnAt }]);
    expect(store.get(id)?.renewedAt).toBe(turnAt);
  });

  test('forgets calls that left more than a day ago', async () => {
    const { visitor, store, turnAt } = atTurn(0);
    const asked: [number, number][] = [];
    store.forgetGone = async (slot, before) => void asked.push([slot, before]);
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect(asked).toEqual([[SLOT, turnAt - 24 * 60 * MINUTE]]);
  });

  test('rejects with the error of the store, before anything is posted', async () => {
    const { visitor, store, graph, turnAt } = atTurn(2);
    store.before = () => {
      throw new StoreUnavailableError('out');
    };
    await expect(visitor.visitSlot(SLOT, turnAt, NEVER)).rejects.toThrow(StoreUnavailableError);
    expect(graph.sent).toEqual([]);
  });

  test('retries a failing call whose replica is gone, a grace after its next attempt was due', async () => {
    const { visitor, graph, clock, turnAt, put, id } = atTurn(1);
    put(id, { consecutiveFailures: 1, retryAt: turnAt + MINUTE });
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    await clock.advance(MINUTE + SECOND);
    expect(graph.ids).toEqual([]);
    await clock.advance(5 * SECOND);
    expect(graph.ids).toEqual([id]);
  });
});

describe('a visit of a large slot', () => {
  test('is spread over the slot’s width', async () => {
    const { visitor, graph, clock, quiet, turnAt } = atTurn(200);
    await clock.through(visitor.visitSlot(SLOT, turnAt, NEVER));
    await quiet();
    const width = slotWidthMs(WHEEL);
    const at = graph.sent.map((sent) => sent.at - turnAt);
    expect(at).toHaveLength(200);
    for (const [i, instant] of at.entries()) {
      expect(Math.abs(instant - (i / 200) * width)).toBeLessThanOrEqual(width / 200 + 2);
    }
  });

  test('is not spread any more where the visit is late: there is nothing to wait for', async () => {
    const { visitor, graph, clock, quiet, turnAt } = atTurn(40);
    clock.set(turnAt + slotWidthMs(WHEEL));
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    await quiet();
    expect(graph.sent).toHaveLength(40);
    expect(Math.max(...graph.sent.map(({ at }) => at))).toBe(turnAt + slotWidthMs(WHEEL));
  });

  test('begins with the nearest deadline', async () => {
    const { visitor, graph, clock, quiet, turnAt, put, ids } = atTurn(30);
    for (const [i, id] of ids.entries()) put(id, { renewedAt: turnAt - 15 * MINUTE - i * SECOND });
    await clock.through(visitor.visitSlot(SLOT, turnAt, NEVER));
    await quiet();
    expect(graph.ids).toEqual(ids.toReversed());
  });

  test('that is stopped does not wait for the rest of its width, and reports that it was cut', async () => {
    const { visitor, graph, clock, turnAt } = atTurn(100);
    const stop = new AbortController();
    const visit = visitor.visitSlot(SLOT, turnAt, stop.signal);
    await idle();
    stop.abort();
    expect(await visit).toBe('cut');
    expect(clock.now()).toBe(turnAt);
    expect(graph.sent.length).toBeLessThan(3);
  });
});
