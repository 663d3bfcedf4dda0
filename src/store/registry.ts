import type { Announcement } from '../calls/announcement.ts';
import { batchesOf } from '../calls/batches-of.ts';
import {
  type Change,
  type Changed,
  ifUnavailable,
  type RecordRegistry,
  StoreUnavailableError,
} from '../calls/ports.ts';
import type { CallRecord } from '../calls/record.ts';
import type { LocalRegistry } from './local-registry.ts';
import type { Identified, RecordKind } from './record-kind.ts';
import { UnreadableError } from './stored-text.ts';

/** A write that takes effect only if Redis still has the text `expected`; '' means no record. */
export interface Write {
  readonly id: string;
  readonly expected: string;
  readonly text: string;
  /** null while it is tracked. */
  readonly removedAt: number | null;
  readonly announcements: readonly Announcement[];
}

/** The registry in Redis. Its methods reject with {@link StoreUnavailableError}. */
export interface SharedRegistry {
  /** The texts of a slot's tracked records, by id. */
  readSlot(slot: number): Promise<ReadonlyMap<string, string>>;
  /** The texts of a slot's records that were removed since an instant, by id. */
  readRemoved(slot: number, since: number): Promise<ReadonlyMap<string, string>>;
  /** The text of each record, tracked or removed; '' for none. */
  read(ids: readonly string[]): Promise<string[]>;
  /**
   * For each write: true; or the text that Redis has instead of the expected one; or null if Redis
   * serves but cannot store this record.
   */
  write(writes: readonly Write[]): Promise<(true | string | null)[]>;
}

export interface RegistryOptions<R extends Identified> {
  readonly kind: RecordKind<R>;
  readonly local: LocalRegistry<R>;
  readonly shared: SharedRegistry;
  /** Whether to ask Redis at all. */
  readonly isUp: () => boolean;
  readonly now: () => number;
  /** Whether a tracked record is so old, by its text, that it must not be written back. */
  readonly isStale: (text: string) => boolean;
  readonly onAnnounced: (announcement: Announcement, record: R) => void;
  readonly onUnreadable: (id: string, error: UnreadableError) => void;
}

/** How a slot is compared with Redis. */
export interface SyncOptions {
  /**
   * Also compares the records that were removed since this instant, for example after Redis was
   * out; null leaves them out, because they would slow down a visit.
   */
  readonly removedSince: number | null;
}

/** What a sync did, in records. */
export interface Synced {
  /** Learned from Redis. */
  readonly learned: number;
  /** Written to Redis. */
  readonly pushed: number;
  /** How many of these are tracked records that Redis did not know. */
  readonly lost: number;
}

/** A change on its way: `expected` is the text that Redis is believed to hold. */
interface Open<R> {
  readonly change: Change<R>;
  readonly index: number;
  readonly expected: string;
}

interface Draft<R> extends Open<R> {
  /** The local text when it was made. */
  readonly base: string;
  readonly before: R;
  readonly after: R;
  readonly write: Write;
}

/** Changes in one batch. */
const BATCH_SIZE = 1_000;
/** More rounds than any honest race needs: somebody is writing the same calls in a loop. */
const MAX_ROUNDS = 32;

/**
 * Everything that is known about the calls, or about the owners: this replica's copy, and Redis.
 * There is one way to write, `update`, and one way to repair, `sync`; both merge, and neither asks
 * why the two differ.
 */
export class Registry<R extends Identified = CallRecord> implements RecordRegistry<R> {
  readonly #options: RegistryOptions<R>;
  /** Announcements of writes that Redis did not answer: it may have taken them all the same. */
  readonly #unheard = new Map<string, readonly Announcement[]>();

  constructor(options: RegistryOptions<R>) {
    this.#options = options;
  }

  get(id: string): R {
    return this.#options.local.get(id);
  }

  isAcknowledged(id: string): boolean {
    return this.#options.local.isAcknowledged(id);
  }

  isDurable(id: string): boolean {
    return this.#options.local.isDurable(id);
  }

  /** How many calls Redis has not acknowledged yet. */
  get unacknowledged(): number {
    return this.#options.local.unacknowledged.size;
  }

  /**
   * Writes to Redis what it has not acknowledged yet. Returns whether Redis answered: it may refuse
   * one call, such as one that a later version wrote, and still serve all others.
   */
  async flush(): Promise<boolean> {
    const { local, isUp } = this.#options;
    const ids = [...local.unacknowledged];
    const open = ids.map((id, index) => this.#open({ id, decide: asKnown }, index));
    return isUp() && (await this.#write(open, [])).isAnswered;
  }

  async readSlot(slot: number, which: 'tracked' | 'removed'): Promise<R[]> {
    const { kind, local, shared, isUp } = this.#options;
    const known = which === 'tracked' ? local.tracked(slot) : local.removed(slot);
    const reading =
      which === 'tracked' ? () => shared.readSlot(slot) : () => shared.readRemoved(slot, 0);
    const read = isUp() ? await reading().catch(ifUnavailable) : null;
    const ids = new Set([...(read?.keys() ?? []), ...known.keys()]);
    const records: R[] = [];
    for (const id of ids) {
      const text = read?.get(id);
      if (text !== undefined) records.push(kind.merge(this.#decode(id, text), local.get(id)));
      else if (read === null || !local.isAcknowledged(id)) records.push(local.get(id));
    }
    return records.filter((record) => (kind.removedAt(record) === null) === (which === 'tracked'));
  }

  /**
   * What this replica and Redis know about calls. If Redis does not answer, what this replica
   * knows.
   */
  async read(ids: readonly string[]): Promise<R[]> {
    const { local, shared, isUp } = this.#options;
    const texts = isUp() ? await shared.read(ids).catch(ifUnavailable) : null;
    return ids.map((id, i) => {
      this.#learn(id, texts?.[i] ?? '');
      return local.get(id);
    });
  }

  /**
   * Changes calls, based on what this replica and Redis know. If Redis does not answer, the change
   * is kept here until a sync writes it to Redis. One result per change, in order.
   */
  async update(changes: readonly Change<R>[]): Promise<Changed<R>[]> {
    const { local, isUp } = this.#options;
    const open = changes.map((change, index) => this.#open(change, index));
    const results: Changed<R>[] = [];
    const left = isUp() ? (await this.#write(open, results)).left : open;
    for (const item of left) {
      const draft = this.#draft(item);
      results[item.index] = { kind: 'kept', before: draft.before, after: this.#keep(draft) };
      const isNews = draft.write.announcements.some(isAboutState);
      if (local.text(item.change.id) !== '') local.setUnacknowledged(item.change.id, isNews);
    }
    return results;
  }

  /**
   * Exchanges a slot with Redis: afterwards both know what either knew. Empty, older and
   * failed-over Redis are the same case.
   *
   * @throws StoreUnavailableError if Redis does not answer; then some of it may have been done
   */
  async sync(slot: number, { removedSince }: SyncOptions): Promise<Synced> {
    const { local, shared } = this.#options;
    const there = new Map(await shared.readSlot(slot));
    if (removedSince !== null) {
      for (const [id, text] of await shared.readRemoved(slot, removedSince)) there.set(id, text);
    }
    this.#dropStale(slot, there);
    const here = [...local.tracked(slot).keys()];
    if (removedSince !== null) here.push(...local.removed(slot).keys());
    const missing = here.filter((id) => !there.has(id));
    if (missing.length > 0) {
      const texts = await shared.read(missing);
      for (const [i, id] of missing.entries()) there.set(id, texts[i] ?? '');
    }
    return await this.#exchange(there);
  }

  async #exchange(there: ReadonlyMap<string, string>): Promise<Synced> {
    const { kind, local } = this.#options;
    let learned = 0;
    const behind: Open<R>[] = [];
    for (const [id, text] of there) {
      const known = local.text(id);
      if (known !== text) {
        const how = this.#learn(id, text);
        if (how === 'newer' || (how === 'unreadable' && known === '')) continue;
        if (local.text(id) !== known) learned++;
      }
      if (local.text(id) === text) this.#acknowledge(id);
      else behind.push({ change: { id, decide: asKnown }, index: behind.length, expected: text });
    }
    const { isAnswered } = await this.#write(behind, []);
    if (!isAnswered) throw new StoreUnavailableError('Redis went away during a sync');
    const lost = behind.filter(
      ({ expected, change: { id } }) => expected === '' && kind.removedAt(local.get(id)) === null,
    );
    return { learned, pushed: behind.length, lost: lost.length };
  }

  /** Forgets records that only this replica knows and that are too old to matter. */
  #dropStale(slot: number, there: ReadonlyMap<string, string>): void {
    const { local, isStale } = this.#options;
    for (const [id, text] of local.tracked(slot)) {
      if (!there.has(id) && isStale(text)) local.drop(id);
    }
  }

  /** Writes in batches, so that other work can go on in between. */
  async #write(all: readonly Open<R>[], results: Changed<R>[]) {
    const left: Open<R>[] = [];
    let isAnswered = true;
    for (const batch of batchesOf(all, BATCH_SIZE)) {
      if (isAnswered) {
        const written = await this.#writeBatch(batch, results);
        left.push(...written.left);
        isAnswered = written.isAnswered;
      } else left.push(...batch);
    }
    return { left, isAnswered };
  }

  /** Writes until Redis has stored or refused every change, or does not answer. */
  async #writeBatch(all: readonly Open<R>[], results: Changed<R>[]) {
    const left: Open<R>[] = [];
    let open = all;
    for (let round = 0; open.length > 0; round++) {
      if (round === MAX_ROUNDS) throw new StoreUnavailableError('a call is contended');
      const drafts = open.map((item) => this.#draft(item));
      const writes = drafts.map(({ write }) => write);
      const stands = await this.#options.shared.write(writes).catch(ifUnavailable);
      if (stands === null) {
        for (const { id, announcements } of writes) {
          if (announcements.length > 0) this.#unheard.set(id, announcements);
        }
        return { left: [...left, ...open], isAnswered: false };
      }
      left.push(...open.filter((_, i) => stands[i] === null));
      open = drafts.flatMap((draft, i) => {
        const stood = stands[i] ?? null;
        return stood === null ? [] : this.#conclude(draft, stood, results);
      });
    }
    return { left, isAnswered: true };
  }

  /** Handles the result of a write; returns the change if it must be repeated on Redis's text. */
  #conclude(draft: Draft<R>, stands: true | string, results: Changed<R>[]): Open<R>[] {
    const { local, onAnnounced } = this.#options;
    const { change, index, before, after, write } = draft;
    // Another replica may have written the same text first.
    if (stands === true || stands === write.text) {
      results[index] = { kind: 'stored', before, after: this.#keep(draft) };
      const announced = stands === true ? write.announcements : [];
      for (const one of announced) onAnnounced(one, after);
      if (local.text(change.id) === write.text) this.#acknowledge(change.id, announced);
      return [];
    }
    if (this.#learn(change.id, stands) === 'newer') {
      results[index] = { kind: 'refused', before, after: before };
      return [];
    }
    return [{ change, index, expected: stands }];
  }

  /**
   * Redis has what is known here. If it took a write but its answer was lost, what that write
   * announced is passed on now, unless it was passed on since or no longer holds.
   */
  #acknowledge(id: string, announced: readonly Announcement[] = []): void {
    const { kind, local, now, onAnnounced } = this.#options;
    local.setAcknowledged(id);
    const unheard = this.#unheard.get(id);
    if (unheard === undefined) return;
    this.#unheard.delete(id);
    const record = local.get(id);
    const names = new Set(kind.announcements(kind.empty(id), record, now()).map((one) => one.name));
    for (const one of announced) names.delete(one.name);
    for (const one of unheard) if (names.has(one.name)) onAnnounced(one, record);
  }

  #open(change: Change<R>, index: number): Open<R> {
    return { change, index, expected: this.#options.local.text(change.id) };
  }

  #draft(item: Open<R>): Draft<R> {
    const { kind, local, now } = this.#options;
    const { id } = item.change;
    const base = local.text(id);
    const before = local.get(id);
    const added = item.change.decide(before);
    const after = added === null ? before : kind.merge(before, added);
    // Whether to publish an event depends on what Redis knew, not on what this replica knew.
    const stood = item.expected === base ? before : this.#decode(id, item.expected);
    const write = {
      id,
      expected: item.expected,
      // An empty record changes nothing, not even a text that cannot be read.
      text: kind.saysAnything(after) ? kind.encode(after) : item.expected,
      removedAt: kind.removedAt(after),
      announcements: kind.announcements(stood, after, now()),
    };
    return { ...item, base, before, after, write };
  }

  #keep({ base, after, write }: Draft<R>): R {
    const { kind, local } = this.#options;
    return kind.saysAnything(after) ? local.put(base, after, write.text) : after;
  }

  /** The record in a text of Redis; an empty one if the text cannot be read. */
  #decode(id: string, text: string): R {
    const { kind } = this.#options;
    try {
      return text === '' ? kind.empty(id) : kind.decode(id, text);
    } catch (error) {
      if (error instanceof UnreadableError) return kind.empty(id);
      throw error;
    }
  }

  /**
   * Merges a text of Redis into the local copy. A text that cannot be read changes nothing. If a
   * later version of Callkeeper wrote it, the local copy is out of date, and the call is left to
   * that version.
   */
  #learn(id: string, text: string): 'learned' | 'newer' | 'unreadable' {
    const { kind, local, onUnreadable } = this.#options;
    if (text === '' || text === local.text(id)) return 'learned';
    try {
      local.merge(kind.decode(id, text));
      return 'learned';
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      onUnreadable(id, error);
      if (!error.newer) return 'unreadable';
      local.drop(id);
      return 'newer';
    }
  }
}

/** At risk or recovered, a call is as well known to Redis as before. */
function isAboutState({ type }: Announcement): boolean {
  return type !== 'at-risk' && type !== 'recovered';
}

/** Changes nothing: the record is written as it is. */
function asKnown(): null {
  return null;
}
