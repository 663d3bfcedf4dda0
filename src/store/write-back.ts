import type { Redis } from 'ioredis';
import type { Call, GoneCall } from '../calls/call.ts';
import { decodeGoneCall, encodeCall, UnreadableError } from './codec.ts';
import { EVENTS_KEPT, EVENTS_KEY, type SlotKeys } from './keys.ts';

/** So many are written at once, to keep Redis free for others in between. */
const PIECE = 500;

/**
 * Writes back calls of a slot that Redis has lost, unless they stand there after
 * all, or have left the schedule under this registration or a later one.
 * Returns how many were written. Rejects with what Redis rejects with.
 */
export async function restoreCalls(
  redis: Redis,
  keys: SlotKeys,
  calls: readonly Call[],
): Promise<number> {
  let written = 0;
  for (let from = 0; from < calls.length; from += PIECE) {
    const piece = calls.slice(from, from + PIECE);
    const left = await redis.hmget(keys.gone, ...piece.map(({ id }) => id));
    const args = piece.flatMap((call, i) => {
      const gone = left[i] ?? null;
      if (gone !== null && hasLeft(call, gone)) return [];
      return ['restored', call.id, encodeCall(call), gone ?? ''];
    });
    written += (await write(redis, keys, args)).filter((done) => done === 1).length;
  }
  return written;
}

/**
 * Writes down that calls of a slot have left the schedule, unless they are
 * tracked, or have left it under this registration or a later one. Returns those
 * that were written.
 */
export async function rememberGone(
  redis: Redis,
  keys: SlotKeys,
  gone: readonly GoneCall[],
): Promise<GoneCall[]> {
  const written: GoneCall[] = [];
  for (let from = 0; from < gone.length; from += PIECE) {
    const piece = gone.slice(from, from + PIECE);
    const left = await redis.hmget(keys.gone, ...piece.map(({ id }) => id));
    const news = piece.filter((call, i) => !left[i] || !hasLeft(call, left[i]));
    const args = news.flatMap((call) => ['remembered', call.id, encodeCall(call), call.goneAt]);
    const done = await write(redis, keys, args);
    written.push(...news.filter((_, i) => done[i] === 1));
  }
  return written;
}

async function write(redis: Redis, keys: SlotKeys, args: (string | number)[]): Promise<(0 | 1)[]> {
  if (args.length === 0) return [];
  const { calls, gone, goneAt } = keys;
  return redis.writeBack(calls, gone, goneAt, EVENTS_KEY, EVENTS_KEPT, ...args);
}

function hasLeft(call: Call, gone: string): boolean {
  try {
    return decodeGoneCall(call.id, gone).registration >= call.registration;
  } catch (error) {
    if (error instanceof UnreadableError) return error.newer;
    throw error;
  }
}
