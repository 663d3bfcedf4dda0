import type { Call, GoneCall } from '../calls/call.ts';
import { decodeGoneCall, encodeCall, UnreadableError } from './codec.ts';
import type { RedisClient } from './connection.ts';
import { EVENTS_KEPT, type SlotKeys } from './keys.ts';
import type { Told } from './outbox.ts';
import type { Done } from './scripts.ts';

/** So many are written at once, to keep Redis free for others in between. */
const PIECE = 500;

/**
 * Writes back calls of a slot that Redis has lost, unless they stand there after
 * all, or have left the schedule under this registration or a later one.
 * Returns what was told of it in `stream`. Rejects with what Redis rejects with.
 */
export async function restoreCalls(
  redis: RedisClient,
  keys: SlotKeys,
  stream: string,
  calls: readonly Call[],
): Promise<Told[]> {
  const told: Told[] = [];
  for (let from = 0; from < calls.length; from += PIECE) {
    const piece = calls.slice(from, from + PIECE);
    const left = await redis.hmget(keys.gone, ...piece.map(({ id }) => id));
    const lost = piece.flatMap((call, i) => {
      const gone = left[i] ?? null;
      if (gone !== null && hasLeft(call, gone)) return [];
      return [{ type: 'restored', id: call.id, call: encodeCall(call), gone: gone ?? '' }];
    });
    const args = lost.flatMap(({ type, id, call, gone }) => [type, id, call, gone]);
    const done = await write(redis, keys, stream, args);
    for (const [i, { type, id, call }] of lost.entries()) {
      const entry = done[i];
      if (Array.isArray(entry)) told.push({ entryId: entry[0], type, id, call });
    }
  }
  return told;
}

/**
 * Writes down that calls of a slot have left the schedule, unless they are
 * tracked, or have left it under this registration or a later one. Returns those
 * that were written.
 */
export async function rememberGone(
  redis: RedisClient,
  keys: SlotKeys,
  stream: string,
  gone: readonly GoneCall[],
): Promise<GoneCall[]> {
  const written: GoneCall[] = [];
  for (let from = 0; from < gone.length; from += PIECE) {
    const piece = gone.slice(from, from + PIECE);
    const left = await redis.hmget(keys.gone, ...piece.map(({ id }) => id));
    const news = piece.filter((call, i) => !left[i] || !hasLeft(call, left[i]));
    const args = news.flatMap((call) => ['remembered', call.id, encodeCall(call), call.goneAt]);
    const done = await write(redis, keys, stream, args);
    written.push(...news.filter((_, i) => done[i] === 1));
  }
  return written;
}

async function write(
  redis: RedisClient,
  keys: SlotKeys,
  stream: string,
  args: (string | number)[],
): Promise<(0 | Done)[]> {
  if (args.length === 0) return [];
  const { calls, gone, goneAt } = keys;
  return redis.writeBack(calls, gone, goneAt, stream, EVENTS_KEPT, ...args);
}

function hasLeft(call: Call, gone: string): boolean {
  try {
    return decodeGoneCall(call.id, gone).registration >= call.registration;
  } catch (error) {
    if (error instanceof UnreadableError) return error.newer;
    throw error;
  }
}
