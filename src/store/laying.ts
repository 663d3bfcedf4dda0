import { randomUUID } from 'node:crypto';
import { slotOf, type Wheel } from '../calls/wheel.ts';
import type { RedisClient } from './connection.ts';
import { type Command, sendEach } from './each.ts';
import { LAYING_KEY, slotKeys, WHEEL_KEY } from './keys.ts';

/** Held anew with each slot; a replica that dies over it delays the next by so much. */
const LAYING_MS = 60_000;

/**
 * Lays the wheel anew: calls move to the slots that they have in the new one.
 * Only for when no replica turns the old one. Copies first, names the new wheel
 * then, deletes last: whoever dies in between leaves all calls in place, and
 * the next one does it again. Resolves with false where another replica is at
 * it; ask again later.
 */
export async function layAnew(redis: RedisClient, from: Wheel, to: Wheel): Promise<boolean> {
  const token = randomUUID();
  if ((await redis.set(LAYING_KEY, token, 'PX', LAYING_MS, 'NX')) === null) return false;
  const hold = async () => {
    if ((await redis.get(LAYING_KEY)) !== token) throw new Error('another replica lays the wheel');
    await redis.pexpire(LAYING_KEY, LAYING_MS);
  };
  try {
    const [intervalMs, slots] = await redis.hmget(WHEEL_KEY, 'intervalMs', 'slots');
    if (Number(intervalMs) !== from.intervalMs || Number(slots) !== from.slots) return false;
    if (from.slots !== to.slots) {
      // What stands there was left by a laying that was broken off: the old slots know better.
      await removeSlots(redis, to);
      await eachSlot(from, async (slot) => {
        await hold();
        await copySlot(redis, slot, from, to);
      });
      await hold();
    }
    await redis.hset(WHEEL_KEY, { intervalMs: to.intervalMs, slots: to.slots });
    if (from.slots !== to.slots) await removeSlots(redis, from);
    return true;
  } finally {
    if ((await redis.get(LAYING_KEY)) === token) await redis.del(LAYING_KEY);
  }
}

function removeSlots(redis: RedisClient, wheel: Wheel): Promise<void> {
  return eachSlot(wheel, async (slot) => {
    const { calls, gone, goneAt } = slotKeys(slot, wheel.slots);
    await redis.unlink(calls, gone, goneAt);
  });
}

async function eachSlot(wheel: Wheel, act: (slot: number) => Promise<void>): Promise<void> {
  for (let slot = 0; slot < wheel.slots; slot++) await act(slot);
}

/** Copies without overwriting: what stands in the new slots is newer. */
async function copySlot(redis: RedisClient, slot: number, from: Wheel, to: Wheel): Promise<void> {
  const old = slotKeys(slot, from.slots);
  const newKeys = (id: string) => slotKeys(slotOf(id, to), to.slots);
  for (const kind of ['calls', 'gone'] as const) {
    await eachPiece(
      (cursor) => redis.hscan(old[kind], cursor, 'COUNT', 500),
      async (pairs) => {
        await sendAll(
          redis,
          pairs.map(([id, value]) => ['hsetnx', newKeys(id)[kind], id, value]),
        );
      },
    );
  }
  await eachPiece(
    (cursor) => redis.zscan(old.goneAt, cursor, 'COUNT', 500),
    async (pairs) => {
      await sendAll(
        redis,
        pairs.map(([id, at]) => ['zadd', newKeys(id).goneAt, 'NX', at, id]),
      );
    },
  );
}

/** A copy with a hole must not count. */
async function sendAll(redis: RedisClient, commands: readonly Command[]): Promise<void> {
  for (const [error] of await sendEach(redis, commands)) if (error) throw error;
}

async function eachPiece(
  scan: (cursor: string) => Promise<[string, string[]]>,
  act: (pairs: [string, string][]) => Promise<void>,
): Promise<void> {
  let cursor = '0';
  do {
    const [next, flat] = await scan(cursor);
    const pairs: [string, string][] = [];
    for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i] ?? '', flat[i + 1] ?? '']);
    if (pairs.length > 0) await act(pairs);
    cursor = next;
  } while (cursor !== '0');
}
