import { describe, expect, test } from 'vitest';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { turnAfter, turnAtOrBefore } from '../../src/calls/wheel.ts';
import { Watch } from '../../src/schedule/watch.ts';
import { encodeRecord } from '../../src/store/record-codec.ts';
import {
  aCall,
  anError,
  aWorld,
  failed,
  idIn,
  MINUTE,
  recordOf,
  renewed,
  SECOND,
  SKEW_MS,
  WHEEL,
} from '../calls/fixture.ts';
import { silent } from '../store/fixture.ts';

const SLOT = 3;
const GRACE = 45 * SECOND;

/** A watch over a slot whose turn is a minute away. */
function aWatch() {
  const world = aWorld();
  const turnAt = turnAfter(SLOT, world.clock.now(), WHEEL);
  world.clock.set(turnAt - MINUTE);
  const missed: { slot: number; turnAt: number; calls: number }[] = [];
  const reads: number[] = [];
  const read = world.slots.read.bind(world.slots);
  world.slots.read = (slot, since) => {
    if (slot === SLOT) reads.push(world.clock.now());
    return read(slot, since);
  };
  let locked = false;
  const up = { value: true };
  const watch = new Watch({
    wheel: WHEEL,
    timings: world.timings,
    clock: world.clock,
    graceMs: GRACE,
    slots: world.slots,
    visitor: world.visitor,
    isUp: () => up.value,
    lock: async () => !locked,
    retryGraceMs: GRACE,
    keeper: world.keeper,
    onMissed: (slot, at, calls) => missed.push({ slot, turnAt: at, calls }),
    log: silent,
  });
  const lock = (value: boolean) => {
    locked = value;
  };
  return { ...world, watch, turnAt, missed, reads, lock, up };
}

describe('the watch', () => {
  test('visits a slot that was not visited in its turn, a grace after it', async () => {
    const { watch, put, get, clock, graph, turnAt, missed } = aWatch();
    put(
      aCall({ id: idIn(SLOT), trackedAt: turnAt - 20 * MINUTE, renewedAt: turnAt - 15 * MINUTE }),
    );
    watch.start();
    await clock.advance(MINUTE + GRACE - 10);
    expect(graph.sent).toEqual([]);
    await clock.advance(2 * SECOND);
    expect(graph.ids).toEqual([idIn(SLOT)]);
    expect(missed).toEqual([{ slot: SLOT, turnAt, calls: 1 }]);
    expect(get(idIn(SLOT))?.renewedAt).toBeGreaterThanOrEqual(turnAt + GRACE);
    await watch.stop();
  });

  test('leaves alone a slot that was visited, and reads it once an interval', async () => {
    const { watch, put, clock, graph, turnAt, missed, reads } = aWatch();
    watch.start();
    for (let turn = 0; turn < 4; turn++) {
      await clock.advance(MINUTE);
      put(
        aCall({
          id: idIn(SLOT),
          trackedAt: turnAt - MINUTE,
          renewedAt: turnAt + turn * WHEEL.intervalMs,
        }),
      );
      await clock.advance(WHEEL.intervalMs - MINUTE);
    }
    expect(graph.sent).toEqual([]);
    expect(missed).toEqual([]);
    expect(reads).toHaveLength(4);
    await watch.stop();
  });

  test('asks Redis again before it visits calls that were due when this replica read them', async () => {
    const { watch, put, redis, clock, graph, turnAt, missed, slots } = aWatch();
    const call = { id: idIn(SLOT), trackedAt: turnAt - 20 * MINUTE };
    put(aCall({ ...call, renewedAt: turnAt - 15 * MINUTE }));
    watch.start();
    await clock.advance(MINUTE);
    await slots.read(SLOT);
    const record = recordOf(aCall({ ...call, renewedAt: turnAt + SECOND }));
    redis.texts.set(call.id, encodeRecord(record)); // by another replica
    await clock.advance(GRACE + SECOND);
    expect([graph.sent, missed]).toEqual([[], []]);
    await watch.stop();
  });

  test('keeps a call alive all alone, turn after turn', async () => {
    const { watch, put, clock, graph, turnAt } = aWatch();
    put(aCall({ id: idIn(SLOT), trackedAt: turnAt - 2 * MINUTE, renewedAt: turnAt - MINUTE }));
    watch.start();
    await clock.advance(5 * WHEEL.intervalMs);
    expect(graph.sent).toHaveLength(5);
    await watch.stop();
  });

  test('makes the attempts of a failing call that nobody else makes', async () => {
    const { watch, put, get, clock, graph, turnAt } = aWatch();
    put(
      aCall({ id: idIn(SLOT), trackedAt: turnAt - 20 * MINUTE, renewedAt: turnAt - 15 * MINUTE }),
    );
    graph.answer = (_, at) => (graph.sent.length < 4 ? failed(at) : renewed(at));
    watch.start();
    await clock.advance(10 * MINUTE);
    expect(graph.sent).toHaveLength(4);
    expect(get(idIn(SLOT))?.consecutiveFailures).toBe(0);
    await watch.stop();
  });

  test('leaves a slot to the replica that is at it, and looks again', async () => {
    const { watch, put, clock, graph, turnAt, lock } = aWatch();
    put(
      aCall({ id: idIn(SLOT), trackedAt: turnAt - 20 * MINUTE, renewedAt: turnAt - 15 * MINUTE }),
    );
    lock(true);
    watch.start();
    await clock.advance(3 * MINUTE);
    expect(graph.sent).toEqual([]);
    lock(false);
    await clock.advance(GRACE + SECOND);
    expect(graph.ids).toEqual([idIn(SLOT)]);
    await watch.stop();
  });

  test('visits a locked slot while Redis is out, and reports no missed turn', async () => {
    const { watch, put, clock, graph, turnAt, lock, up, missed } = aWatch();
    put(
      aCall({ id: idIn(SLOT), trackedAt: turnAt - 20 * MINUTE, renewedAt: turnAt - 15 * MINUTE }),
    );
    lock(true);
    up.value = false;
    watch.start();
    await clock.advance(3 * MINUTE);
    expect(graph.ids).toEqual([idIn(SLOT)]);
    expect(missed).toEqual([]);
    await watch.stop();
  });

  test('goes on where the store does not answer', async () => {
    const { watch, put, redis, clock, graph, turnAt } = aWatch();
    put(
      aCall({ id: idIn(SLOT), trackedAt: turnAt - 20 * MINUTE, renewedAt: turnAt - 15 * MINUTE }),
    );
    redis.before = () => {
      throw new StoreUnavailableError('out');
    };
    watch.start();
    await clock.advance(3 * MINUTE);
    redis.before = () => undefined;
    await clock.advance(2 * GRACE);
    expect(graph.ids).toEqual([idIn(SLOT)]);
    await watch.stop();
  });

  test('asked to look soon, does so within a grace, for the turn that has passed', async () => {
    const { watch, put, clock, graph, turnAt, missed } = aWatch();
    put(
      aCall({ id: idIn(SLOT), trackedAt: turnAt - 40 * MINUTE, renewedAt: turnAt - 16 * MINUTE }),
    );
    watch.start();
    watch.lookSoon();
    await clock.advance(GRACE);
    expect(graph.ids).toEqual([idIn(SLOT)]);
    expect(missed[0]?.turnAt).toBe(turnAtOrBefore(SLOT, turnAt - MINUTE, WHEEL));
    await watch.stop();
  });

  test('asked to look soon in the middle of a look, looks again', async () => {
    const { watch, put, clock, graph, turnAt, slots } = aWatch();
    const read = slots.read.bind(slots);
    const gate = Promise.withResolvers<void>();
    slots.read = async (slot) => {
      const calls = [...(await read(slot))];
      if (slot === SLOT) await gate.promise;
      return calls;
    };
    watch.start();
    watch.lookSoon();
    await clock.advance(GRACE);
    const call = { trackedAt: turnAt - 40 * MINUTE, renewedAt: turnAt - 16 * MINUTE };
    put(aCall({ id: idIn(SLOT), ...call }));
    watch.lookSoon();
    gate.resolve();
    await clock.advance(GRACE);
    expect(graph.ids).toEqual([idIn(SLOT)]);
    await watch.stop();
  });

  test('leaves a turn to the others until its grace is over, even if asked to look soon', async () => {
    const { watch, put, clock, graph, turnAt } = aWatch();
    await clock.advance(MINUTE + SECOND);
    put(
      aCall({
        id: idIn(SLOT),
        trackedAt: turnAt - 20 * MINUTE,
        renewedAt: turnAt - 15 * MINUTE + 1,
      }),
    );
    watch.start();
    watch.lookSoon();
    await clock.advance(GRACE - 3 * SECOND);
    expect(graph.sent).toEqual([]);
    await clock.advance(5 * SECOND);
    expect(graph.ids).toEqual([idIn(SLOT)]);
    await watch.stop();
  });

  test.each([
    ['35 seconds', 35 * SECOND],
    ['less than it was going to wait', 2 * MINUTE],
    ['an hour', 60 * MINUTE],
  ])(
    'tries a failing call again within a grace of the clock being set back by %s',
    async (_, ms) => {
      const { watch, put, clock, graph, turnAt } = aWatch();
      const tracked = { trackedAt: turnAt - 40 * MINUTE, renewedAt: turnAt - 14 * MINUTE };
      put(aCall({ id: idIn(SLOT), ...tracked }));
      graph.answer = (_, at) => ({ kind: 'failed', sentAt: at, error: anError({ at }) });
      watch.start();
      await clock.advance(MINUTE + GRACE + SECOND);
      const before = graph.sent.length;
      expect(before).toBeGreaterThan(0);
      clock.step(-(SKEW_MS + ms));
      await clock.advance(2 * GRACE);
      expect(graph.sent.length).toBeGreaterThan(before);
      await watch.stop();
    },
  );

  test('does not read a slot over and over for the end of a tracking that a step of the clock brought', async () => {
    const { watch, put, get, clock, turnAt, reads } = aWatch();
    const trackUntil = turnAt + 10 * MINUTE;
    put(aCall({ id: idIn(SLOT), renewedAt: turnAt + 1, trackedAt: turnAt, trackUntil }));
    clock.step(20 * MINUTE);
    clock.unsettledMs = 20 * MINUTE;
    watch.start();
    await clock.advance(MINUTE);
    expect(reads.length).toBeLessThan(20);
    expect(get(idIn(SLOT))).not.toBeNull();
    await watch.stop();
  });

  test('does not read a slot over and over for a call that a keepAlive by hand has failed for', async () => {
    const { watch, put, clock, turnAt, reads } = aWatch();
    watch.start();
    await clock.advance(MINUTE + SECOND);
    const failing = { renewedAt: turnAt + 1, consecutiveFailures: 1, retryAt: turnAt + 2 * SECOND };
    put(aCall({ id: idIn(SLOT), trackedAt: turnAt - 20 * MINUTE, ...failing }));
    reads.length = 0;
    await clock.advance(5 * MINUTE);
    expect(reads.length).toBeLessThan(20);
    await watch.stop();
  });

  test('can be stopped twice, before it was started, and while it visits', async () => {
    const { watch, put, get, clock, graph, turnAt, quiet } = aWatch();
    await aWatch().watch.stop();
    put(
      aCall({ id: idIn(SLOT), trackedAt: turnAt - 20 * MINUTE, renewedAt: turnAt - 15 * MINUTE }),
    );
    const gate = Promise.withResolvers<void>();
    graph.answer = async (_, at) => {
      await gate.promise;
      return renewed(at);
    };
    watch.start();
    await clock.advance(MINUTE + GRACE + 2 * SECOND);
    expect(graph.sent).toHaveLength(1);
    const stopped = watch.stop();
    gate.resolve();
    await clock.through(stopped);
    await watch.stop();
    await quiet();
    expect(get(idIn(SLOT))?.renewedAt).toBeGreaterThanOrEqual(turnAt);
  });
});
