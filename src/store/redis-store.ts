import { randomUUID } from 'node:crypto';
import type { Call, GoneCall } from '../calls/call.ts';
import { pieces } from '../calls/pieces.ts';
import {
  type CallStore,
  type Change,
  type Entry,
  StoreUnavailableError,
  type WriteResult,
} from '../calls/ports.ts';
import { slotOf, type Wheel } from '../calls/wheel.ts';
import { decodeCall, decodeGoneCall, encodeCall, UnreadableError } from './codec.ts';
import type { RedisClient } from './connection.ts';
import { type Command, type Reply, sendEach } from './each.ts';
import { giveWay } from './give-way.ts';
import { EVENTS_KEPT, EVENTS_KEY, slotKeys } from './keys.ts';
import { type Place, type Restored, rememberGone, restoreCalls } from './write-back.ts';

/** Told of values in Redis that cannot be read; they are left as they are. */
export type OnUnreadable = (where: { slot: number; id: string }, error: UnreadableError) => void;

/** So many fields a read asks for at once, to keep Redis free for others in between. */
const SCAN_COUNT = 500;

/** So many changes a write makes at once, for the same reason. */
const WRITE_COUNT = 500;

/** The registry in Redis: one hash a slot. */
export class RedisCallStore implements CallStore {
  readonly #redis: RedisClient;
  readonly #holder = randomUUID();
  readonly #wheel: Wheel;
  readonly #onUnreadable: OnUnreadable;

  constructor(redis: RedisClient, wheel: Wheel, onUnreadable: OnUnreadable) {
    this.#redis = redis;
    this.#wheel = wheel;
    this.#onUnreadable = onUnreadable;
  }

  async readSlot(slot: number): Promise<Entry[]> {
    return await this.#scan(this.#keys(slot).calls, (id, version) => {
      const call = this.#decode(slot, id, () => decodeCall(id, version));
      return call && { call, version };
    });
  }

  async find(ids: readonly string[]): Promise<(Entry | null)[]> {
    const values = await this.#readEach(ids, 'calls');
    return ids.map((id, i) => this.#entry(id, values[i] ?? null));
  }

  async findGone(ids: readonly string[]): Promise<(GoneCall | null)[]> {
    const values = await this.#readEach(ids, 'gone');
    return ids.map((id, i) => this.#gone(id, values[i] ?? null));
  }

  async write(changes: readonly Change[]): Promise<WriteResult[]> {
    const results: WriteResult[] = [];
    const groups = bySlot(changes, this.#wheel).map(({ slot, group }) => ({
      slot,
      group: group.map(({ change, index }) => ({ change, index, args: toArgs(change) })),
    }));
    const writes = groups.map(({ slot, group }): Command => {
      const { calls, gone, goneAt } = this.#keys(slot);
      const args = group.flatMap((item) => item.args);
      return ['writeCalls', calls, gone, goneAt, EVENTS_KEY, EVENTS_KEPT, ...args];
    });
    const replies = await this.#run(() => sendEach(this.#redis, writes));
    for (const [i, { group }] of groups.entries()) {
      const stands = replyValue(replies[i]) as (1 | string)[];
      for (const [j, { change, index, args }] of group.entries()) {
        const stood = stands[j] ?? '';
        results[index] =
          typeof stood === 'string'
            ? await this.#refused(change, stood)
            : { done: true, version: 'gone' in change ? null : args[3] };
      }
    }
    return results;
  }

  /** See `restoreCalls`. */
  restore(slot: number, calls: readonly Call[]): Promise<Restored> {
    return this.#run(() => restoreCalls(this.#place(slot), calls));
  }

  /** See `rememberGone`. */
  remember(
    slot: number,
    gone: readonly GoneCall[],
    isNews: (gone: GoneCall) => boolean,
  ): Promise<GoneCall[]> {
    return this.#run(() => rememberGone(this.#place(slot), gone, isNews));
  }

  /** Takes a short lock on a slot, which expires by itself; false if another store holds it. */
  async tryLock(slot: number, forMs: number): Promise<boolean> {
    const { lock } = this.#keys(slot);
    const hold = () => this.#redis.holdLock(lock, this.#holder, Math.ceil(forMs));
    return (await this.#run(hold)) === 1;
  }

  async readGone(slot: number): Promise<GoneCall[]> {
    return await this.#scan(this.#keys(slot).gone, (id, text) => this.#gone(id, text));
  }

  async stopUnknown(gone: GoneCall): Promise<boolean> {
    const slot = slotOf(gone.id, this.#wheel);
    return (await this.remember(slot, [gone], () => false)).length === 1;
  }

  async forgetGone(slot: number, before: number): Promise<void> {
    const { gone, goneAt } = this.#keys(slot);
    await this.#run(() => this.#redis.forgetGone(gone, goneAt, before));
  }

  #place(slot: number): Place {
    return { redis: this.#redis, keys: this.#keys(slot) };
  }

  /** @param stands the value that stands there instead of what was expected; '' for none */
  async #refused(change: Change, stands: string): Promise<WriteResult> {
    const slot = slotOf(change.id, this.#wheel);
    let unreadable: UnreadableError;
    try {
      if (stands === '') return { done: false, current: null };
      return {
        done: false,
        current: { call: decodeCall(change.id, stands), version: stands },
      };
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      unreadable = error;
    }
    this.#onUnreadable({ slot, id: change.id }, unreadable);
    if (unreadable.newer) throw new StoreUnavailableError(`${change.id} is ${unreadable.message}`);
    // What is no call at all makes room for one, and for nothing else.
    if (change.expected !== null) return { done: false, current: null };
    const [again = { done: false as const, current: null }] = await this.write([
      { ...change, expected: stands },
    ]);
    return again;
  }

  #entry(id: string, version: string | null): Entry | null {
    if (version === null) return null;
    const call = this.#decode(slotOf(id, this.#wheel), id, () => decodeCall(id, version));
    return call && { call, version };
  }

  #gone(id: string, text: string | null): GoneCall | null {
    if (text === null) return null;
    return this.#decode(slotOf(id, this.#wheel), id, () => decodeGoneCall(id, text));
  }

  #decode<T extends Call>(slot: number, id: string, decode: () => T): T | null {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      this.#onUnreadable({ slot, id }, error);
      return null;
    }
  }

  #keys(slot: number) {
    return slotKeys(slot, this.#wheel.slots);
  }

  async #readEach(ids: readonly string[], kind: 'calls' | 'gone'): Promise<(string | null)[]> {
    const reads = ids.map((id): Command => {
      return ['hget', this.#keys(slotOf(id, this.#wheel))[kind], id];
    });
    return (await this.#run(() => sendEach(this.#redis, reads))).map(replyText);
  }

  /** All of a hash, as `read` reads it; null is left out. In pieces: it gives way to others. */
  async #scan<T>(key: string, read: (id: string, value: string) => T | null): Promise<T[]> {
    const found = new Map<string, T>(); // a scan may come by a field twice
    let cursor = '0';
    do {
      const [next, flat] = await this.#run(() =>
        this.#redis.hscan(key, cursor, 'COUNT', SCAN_COUNT),
      );
      await giveWay(flat.length / 2);
      for (let i = 0; i < flat.length; i += 2) {
        const [id = '', value = ''] = [flat[i], flat[i + 1]];
        const one = read(id, value);
        if (one !== null) found.set(id, one);
      }
      cursor = next;
    } while (cursor !== '0');
    return [...found.values()];
  }

  async #run<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command();
    } catch (error) {
      throw unavailable(error);
    }
  }
}

/** A key of ours holds something that is not ours: what stands under it cannot be served. */
export class WrongTypeError extends StoreUnavailableError {}

function unavailable(error: unknown): StoreUnavailableError {
  if (error instanceof StoreUnavailableError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (reason.startsWith('WRONGTYPE')) return new WrongTypeError(reason, { cause: error });
  return new StoreUnavailableError(`Redis: ${reason}`, { cause: error });
}

function replyValue(reply: Reply | undefined): unknown {
  const [error, value] = reply ?? [new Error('no reply'), null];
  if (error) throw unavailable(error);
  return value;
}

function replyText(reply: Reply): string | null {
  const value = replyValue(reply);
  return typeof value === 'string' ? value : null;
}

/** By slots, each in pieces of up to {@link WRITE_COUNT}, in their order. */
function bySlot(changes: readonly Change[], wheel: Wheel) {
  const indexed = changes.map((change, index) => ({ change, index }));
  const slots = Map.groupBy(indexed, ({ change }) => slotOf(change.id, wheel));
  return [...slots].flatMap(([slot, all]) =>
    [...pieces(all, WRITE_COUNT)].map((group) => ({ slot, group })),
  );
}

/** See the script `writeCalls`. */
type ChangeArgs = [op: string, id: string, expected: string, value: string, at: number];

function toArgs(change: Change): ChangeArgs {
  const expected = change.expected ?? '';
  if ('gone' in change) {
    const { gone } = change;
    return [gone.removal, change.id, expected, encodeCall(gone), gone.goneAt];
  }
  return [change.tell ?? 'put', change.id, expected, encodeCall(change.next), 0];
}
