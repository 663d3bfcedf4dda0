import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import { slotWidthMs, turnAfter } from '../../src/calls/wheel.ts';
import {
  aCall,
  aRemovedCall,
  aWorld,
  ended,
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
} from './fixture.ts';

const SLOT = 3;

/** A world at the turn of a slot, with so many calls in it that are due unless `overOf` says. */
function atTurn(
  count: number,
  overOf: (turnAt: number, nth: number) => Partial<Call> = () => ({}),
) {
  const world = aWorld();
  const turnAt = turnAfter(SLOT, world.clock.now(), WHEEL);
  world.clock.set(turnAt);
  const ids = idsIn(SLOT, count);
  const past = { trackedAt: turnAt - 20 * MINUTE, renewedAt: turnAt - 15 * MINUTE };
  for (const [nth, id] of ids.entries()) {
    world.put(aCall({ id, ...past, ...overOf(turnAt, nth) }));
  }
  return { ...world, turnAt, ids, id: ids[0] ?? '' };
}

/** By the clock; but a replica whose clock was an hour behind may have renewed it just now. */
const longPast = (turnAt: number) => ({
  trackedAt: turnAt - 3 * 60 * MINUTE,
  renewedAt: turnAt - 61 * MINUTE,
});

describe('a visit of a slot', () => {
  test('posts what is due in it, once, and nothing else', async () => {
    const isRenewed = (turnAt: number, nth: number) => (nth === 0 ? { renewedAt: turnAt } : {});
    const { visitor, put, get, graph, quiet, turnAt, ids } = atTurn(3, isRenewed);
    put(aCall({ id: idIn(SLOT + 1), trackedAt: turnAt - 20 * MINUTE }));
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBe('done');
    await quiet();
    expect(graph.ids.toSorted()).toEqual(ids.slice(1).toSorted());
    for (const each of ids) expect(get(each)?.renewedAt).toBe(turnAt);
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
    const { visitor, get, removed, graph, told, clock, quiet, turnAt, ids } = atTurn(
      2,
      (turnAt, nth) => ({ trackUntil: turnAt + nth * 7 * MINUTE }),
    );
    const [over = '', soon = ''] = ids;
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    await quiet();
    expect(graph.ids).toEqual([soon]);
    expect(removed(over)).toMatchObject({ state: 'untracked', reason: 'track-until' });
    expect(get(soon)).not.toBeNull();
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

  test('waits for its turn if the job came a little early, so that what is sent counts for it', async () => {
    const { visitor, get, graph, clock, quiet, turnAt, id } = atTurn(1);
    clock.set(turnAt - 7);
    expect(await clock.through(visitor.visitSlot(SLOT, turnAt, NEVER))).toBe('done');
    await quiet();
    expect(graph.sent).toMatchObject([{ id, at: turnAt }]);
    expect(get(id)?.renewedAt).toBe(turnAt);
  });

  test('forgets calls that were removed more than a day ago', async () => {
    const { visitor, put, removed, turnAt } = atTurn(0);
    const [old, recent] = idsIn(SLOT, 2) as [string, string];
    const trackedAt = turnAt - 25 * 60 * MINUTE;
    put(aRemovedCall({ id: old, trackedAt, removedAt: turnAt - 24 * 60 * MINUTE - 1 }));
    put(aRemovedCall({ id: recent, trackedAt, removedAt: turnAt - 24 * 60 * MINUTE }));
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    expect([removed(old), removed(recent)?.id]).toEqual([null, recent]);
  });

  test('keeps a call that seems to be past its deadline by an hour, if Graph still has it', async () => {
    const { visitor, get, graph, told, quiet, turnAt, id } = atTurn(1, longPast);
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    await quiet();
    expect(graph.ids).toEqual([id]);
    expect(get(id)?.renewedAt).toBe(turnAt);
    expect(told.removals).toEqual([]);
  });

  test.each(['ended', 'expired'] as const)(
    'gives up a call that is past its deadline by an hour, as %s',
    async (state) => {
      const { visitor, removed, graph, told, quiet, turnAt, id } = atTurn(1, longPast);
      graph.answer = (_, at) => (state === 'ended' ? ended(at) : failed(at));
      await visitor.visitSlot(SLOT, turnAt, NEVER);
      await quiet();
      expect(graph.ids).toEqual([id]);
      expect(removed(id)).toMatchObject({ state, removedAt: expect.any(Number) });
      expect(told.removals).toEqual([{ id, removal: state }]);
    },
  );

  test('posts also what only Redis knows, and tells Redis what only this replica knows', async () => {
    const { visitor, redis, local, get, graph, quiet, turnAt, ids } = atTurn(2);
    const [lost = '', unknown = ''] = ids;
    redis.texts.delete(lost);
    local.drop(unknown);
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    await quiet();
    expect(graph.ids.toSorted()).toEqual([lost, unknown].toSorted());
    for (const id of ids) expect(get(id)?.renewedAt).toBe(turnAt);
  });

  test('goes by what this replica knows if Redis does not answer', async () => {
    const { visitor, redis, registry, graph, quiet, turnAt, ids } = atTurn(3);
    redis.isAway = true;
    expect(await visitor.visitSlot(SLOT, turnAt, NEVER)).toBe('done');
    await quiet();
    expect(graph.ids.toSorted()).toEqual(ids.toSorted());
    for (const id of ids) expect(registry.get(id).renewedAt).toBe(turnAt);
  });

  test('rejects with what is a fault of ours, before anything is posted', async () => {
    const { visitor, redis, graph, turnAt } = atTurn(2);
    redis.before = () => {
      throw new TypeError('a bug');
    };
    await expect(visitor.visitSlot(SLOT, turnAt, NEVER)).rejects.toThrow(TypeError);
    expect(graph.sent).toEqual([]);
  });

  test('takes up a failing call whose replica is gone, a grace after its next attempt was due', async () => {
    const { visitor, graph, clock, turnAt, id } = atTurn(1, (turnAt) => ({
      consecutiveFailures: 1,
      failedAt: turnAt - MINUTE,
      retryAt: turnAt + MINUTE,
    }));
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    await clock.advance(MINUTE + SECOND);
    expect(graph.ids).toEqual([]);
    await clock.advance(5 * SECOND);
    expect(graph.ids).toEqual([id]);
  });

  test('posts a call that was tracked by a clock an hour ahead once, and counts its renewal', async () => {
    const { visitor, get, graph, clock, quiet, turnAt, id } = atTurn(1, (turnAt) => ({
      trackedAt: turnAt + 60 * MINUTE,
      renewedAt: null,
    }));
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    await quiet();
    await clock.advance(MINUTE);
    expect(graph.ids).toEqual([id]);
    expect(get(id)?.renewedAt).toBe(turnAt);
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

  test('is not spread any more if the visit is late: there is nothing to wait for', async () => {
    const { visitor, graph, clock, quiet, turnAt } = atTurn(40);
    clock.set(turnAt + slotWidthMs(WHEEL));
    await visitor.visitSlot(SLOT, turnAt, NEVER);
    await quiet();
    expect(graph.sent).toHaveLength(40);
    expect(Math.max(...graph.sent.map(({ at }) => at))).toBe(turnAt + slotWidthMs(WHEEL));
  });

  test('begins with the nearest deadline', async () => {
    const { visitor, graph, clock, quiet, turnAt, ids } = atTurn(30, (turnAt, nth) => ({
      renewedAt: turnAt - 15 * MINUTE - nth * SECOND,
    }));
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
