import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Call, GoneCall } from '../calls/call.ts';
import {
  type CallStore,
  type Change,
  type Entry,
  StoreUnavailableError,
  type WriteResult,
} from '../calls/ports.ts';
import { slotOf, type Wheel } from '../calls/wheel.ts';
import { decodeCall, decodeGoneCall, encodeCall, UnreadableError } from './codec.ts';
import { EVENTS_KEPT, EVENTS_KEY, slotKeys } from './keys.ts';
import { type Restored, rememberGone, restoreCalls } from './write-back.ts';

/** Told of values in Redis that cannot be read; they are left as they are. */
export type OnUnreadable = (where: { slot: number; id: string }, error: UnreadableError) => void;

/** So many fields a read asks for at once, to keep Redis free for others in between. */
const SCAN_COUNT = 500;

/** The registry in Redis: one hash a slot. */
export class RedisCallStore implements CallStore {
  readonly #redis: Redis;
  readonly #wheel: Wheel;
  readonly #onUnreadable: OnUnreadable;

  constructor(redis: Redis, wheel: Wheel, onUnreadable: OnUnreadable) {
    this.#redis = redis;
    this.#wheel = wheel;
    this.#onUnreadable = onUnreadable;
  }

  async readSlot(slot: number): Promise<Entry[]> {
    const values = await this.#scan(this.#keys(slot).calls);
    return [...values].flatMap(([id, version]) => {
      const call = this.#decode(slot, id, () => decodeCall(id, version));
      return call ? [{ call, version }] : [];
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
    const writes = this.#redis.pipeline();
    const groups = [...groupBySlot(changes, this.#wheel)];
    for (const [slot, group] of groups) {
      const { calls, gone, goneAt } = this.#keys(slot);
      const args = group.flatMap(({ change }) => toArgs(change));
      writes.writeCalls(calls, gone, goneAt, EVENTS_KEY, EVENTS_KEPT, ...args);
    }
    const replies = (await this.#run(() => writes.exec())) ?? [];
    for (const [i, [, group]] of groups.entries()) {
      const stands = replyValue(replies[i]) as (1 | string)[];
      for (const [j, { change, index }] of group.entries()) {
        results[index] = await this.#result(change, stands[j] ?? '');
      }
    }
    return results;
  }

  /** See `restoreCalls`. */
  restore(slot: number, calls: readonly Call[]): Promise<Restored> {
    return this.#run(() => restoreCalls(this.#redis, this.#keys(slot), calls));
  }

  /** See `rememberGone`. */
  remember(
    slot: number,
    gone: readonly GoneCall[],
    isNews: (gone: GoneCall) => boolean,
  ): Promise<GoneCall[]> {
    return this.#run(() => rememberGone(this.#redis, this.#keys(slot), gone, isNews));
  }

  /** A short lock on a slot, as a key to it; null where somebody else holds it. It expires by itself. */
  async tryLock(slot: number, forMs: number): Promise<string | null> {
    const key = randomUUID();
    const set = () => this.#redis.set(this.#keys(slot).lock, key, 'PX', Math.ceil(forMs), 'NX');
    return (await this.#run(set)) === null ? null : key;
  }

  /** Only with the key: a lock that has expired may be another's by now. */
  async unlock(slot: number, key: string): Promise<void> {
    await this.#run(() => this.#redis.unlockSlot(this.#keys(slot).lock, key));
  }

  async readGone(slot: number): Promise<GoneCall[]> {
    const values = await this.#scan(this.#keys(slot).gone);
    return [...values].flatMap(([id, text]) => this.#gone(id, text) ?? []);
  }

  async stopUnknown(gone: GoneCall): Promise<boolean> {
    const slot = slotOf(gone.id, this.#wheel);
    return (await this.remember(slot, [gone], () => false)).length === 1;
  }

  async forgetGone(slot: number, before: number): Promise<void> {
    const { gone, goneAt } = this.#keys(slot);
    await this.#run(() => this.#redis.forgetGone(gone, goneAt, before));
  }

  async #result(change: Change, stands: 1 | string): Promise<WriteResult> {
    if (stands === 1) return { done: true };
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
    const reads = this.#redis.pipeline();
    for (const id of ids) reads.hget(this.#keys(slotOf(id, this.#wheel))[kind], id);
    return ((await this.#run(() => reads.exec())) ?? []).map(replyText);
  }

  async #scan(key: string): Promise<Map<string, string>> {
    const values = new Map<string, string>();
    let cursor = '0';
    do {
      const [next, flat] = await this.#run(() =>
        this.#redis.hscan(key, cursor, 'COUNT', SCAN_COUNT),
      );
      for (let i = 0; i < flat.length; i += 2) values.set(flat[i] ?? '', flat[i + 1] ?? '');
      cursor = next;
    } while (cursor !== '0');
    return values;
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

type Reply = [Error | null, unknown] | undefined;

function replyValue(reply: Reply): unknown {
  const [error, value] = reply ?? [new Error('no reply'), null];
  if (error) throw unavailable(error);
  return value;
}

function replyText(reply: Reply): string | null {
  const value = replyValue(reply);
  return typeof value === 'string' ? value : null;
}

function groupBySlot(changes: readonly Change[], wheel: Wheel) {
  const groups = new Map<number, { change: Change; index: number }[]>();
  for (const [index, change] of changes.entries()) {
    const slot = slotOf(change.id, wheel);
    const group = groups.get(slot);
    if (group) group.push({ change, index });
    else groups.set(slot, [{ change, index }]);
  }
  return groups;
}

function toArgs(change: Change): (string | number)[] {
  const expected = change.expected ?? '';
  if ('gone' in change) {
    const { gone } = change;
    return [gone.removal, change.id, expected, encodeCall(gone), gone.goneAt];
  }
  return [change.tell ?? 'put', change.id, expected, encodeCall(change.next), 0];
}
