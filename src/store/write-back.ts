import {
  type Call,
  covers,
  forgetAs,
  type GoneCall,
  isGone,
  isTombstone,
  joinEnds,
} from '../calls/call.ts';
import { pieces } from '../calls/pieces.ts';
import { decodeGoneCall, encodeCall, UnreadableError } from './codec.ts';
import type { RedisClient } from './connection.ts';
import { EVENTS_KEPT, EVENTS_KEY, type SlotKeys } from './keys.ts';

/** So many are written at once, to keep Redis free for others in between. */
const PIECE = 500;

/** A slot in Redis. */
export interface Place {
  readonly redis: RedisClient;
  readonly keys: SlotKeys;
}

/** Something to write back, by what was read of how the call left (null: nothing). */
interface Item {
  readonly op: string;
  readonly call: Call;
  readonly left: string | null;
  /** When it left; 0 where it did not. */
  readonly goneAt: number;
}

/** Of calls that Redis has lost: how many it has back, and those that were stopped meanwhile. */
export interface Restored {
  readonly written: number;
  readonly stopped: GoneCall[];
}

/**
 * Writes back calls of a slot that Redis has lost, unless they stand there after
 * all, or have left the schedule under this registration or a later one. Rejects
 * with what Redis rejects with.
 */
export async function restoreCalls(place: Place, calls: readonly Call[]): Promise<Restored> {
  let written = 0;
  const stopped: GoneCall[] = [];
  for (const piece of pieces(calls, PIECE)) {
    const read = await readLeft(place, piece);
    const items: Item[] = [];
    for (const { call, left, gone } of read) {
      if (!hasLeft(call, gone)) items.push({ op: 'restored', call, left, goneAt: 0 });
      else if (gone !== 'newer' && gone !== null && isTombstone(gone)) {
        // The replica that took the stop did not know the call.
        stopped.push(forgetAs(call, gone));
      }
    }
    written += (await write(place, items)).filter(Boolean).length;
  }
  return { written, stopped };
}

/**
 * Writes the removals of calls of a slot to Redis, unless the calls are tracked
 * there. If Redis already has a removal under this registration or a later one,
 * only adds what Redis did not know of the end. Returns the calls whose removals
 * were new to Redis.
 *
 * @param isNews whether the removal is not published yet
 */
export async function rememberGone(
  place: Place,
  calls: readonly GoneCall[],
  isNews: (gone: GoneCall) => boolean,
): Promise<GoneCall[]> {
  const written: GoneCall[] = [];
  for (const piece of pieces(calls, PIECE)) {
    const read = await readLeft(place, piece);
    const items = read.flatMap(({ call, left, gone }) => {
      const wasTold = wasToldOf(call, gone);
      const joined = wasTold ? joinEnds(gone, call) : call;
      const isKnown = hasLeft(call, gone) && !saysMore(call, gone);
      if (isKnown && (!wasTold || encodeCall(joined) === left)) return [];
      const op = isNews(call) && !wasTold ? call.removal : 'remembered';
      return [{ op, call: joined, left, goneAt: joined.goneAt, isKnown }];
    });
    const done = await write(place, items);
    const fresh = items.filter(({ isKnown }, i) => done[i] && !isKnown);
    written.push(...fresh.map(({ call }) => call));
  }
  return written;
}

/** How a call left as Redis has it: `newer` where a later version of us wrote it, null where it did not. */
type Left = GoneCall | 'newer' | null;

async function readLeft<C extends Call>(
  { redis, keys: { gone } }: Place,
  calls: readonly C[],
): Promise<{ call: C; left: string | null; gone: Left }[]> {
  const texts = await redis.hmget(gone, ...calls.map(({ id }) => id));
  return calls.map((call, i) => {
    const left = texts[i] ?? null;
    return { call, left, gone: left === null ? null : decode(call.id, left) };
  });
}

/** For each whether it was written. */
async function write(
  { redis, keys: { calls, gone, goneAt } }: Place,
  items: readonly Item[],
): Promise<boolean[]> {
  if (items.length === 0) return [];
  const args = items.flatMap(({ op, call, left, goneAt: at }) => {
    return [op, call.id, encodeCall(call), left ?? '', at];
  });
  const done = await redis.writeBack(calls, gone, goneAt, EVENTS_KEY, EVENTS_KEPT, ...args);
  return done.map((one) => one === 1);
}

/** Whether `gone` removes the call, under its registration or a later one. The later tombstone wins. */
function hasLeft(call: Call | GoneCall, gone: Left): boolean {
  if (gone === 'newer' || gone === null) return gone === 'newer';
  if (isGone(call) && isTombstone(call)) return gone.registration >= call.registration;
  return covers(gone, call);
}

/** By a write whose answer was lost, or by another replica: a call leaves once, if for several reasons. */
function wasToldOf(call: GoneCall, gone: Left): gone is GoneCall {
  if (gone === null || gone === 'newer' || isTombstone(gone)) return false;
  return gone.trackedAt === call.trackedAt;
}

/** Of the same stop, where only its tombstone is known there. */
function saysMore(call: GoneCall, gone: Left): boolean {
  if (gone === null || gone === 'newer' || isTombstone(call)) return false;
  return isTombstone(gone) && gone.registration === call.registration;
}

function decode(id: string, text: string): Left {
  try {
    return decodeGoneCall(id, text);
  } catch (error) {
    if (error instanceof UnreadableError) return error.newer ? 'newer' : null;
    throw error;
  }
}
