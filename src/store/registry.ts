import {
  type Change,
  type Changed,
  ifUnavailable,
  type RecordRegistry,
  StoreUnavailableError,
} from '../calls/ports.ts';
import type { CallRecord } from '../calls/record.ts';
import type { Identified } from './record-kind.ts';
import { type Open, RecordWriter, type RecordWriterOptions } from './record-writer.ts';
import { SharedTexts, type SharedTextsOptions } from './shared-texts.ts';

export interface RegistryOptions<R extends Identified>
  extends RecordWriterOptions<R>,
    SharedTextsOptions<R> {
  readonly isUp: () => boolean;
  /** Whether a tracked text is too old to write back to a Redis that lacks it. */
  readonly isStale: (text: string) => boolean;
}

export interface SyncOptions {
  /**
   * Also compares the records that were removed since this instant, for example after Redis was
   * out. null leaves them out, because they would slow down a visit.
   */
  readonly removedSince: number | null;
  /** Whether to skip a record that Redis lists as removed. By default, none is skipped. */
  readonly isSettled?: (id: string) => boolean;
}

export interface Synced {
  /** Records that changed in the local copy. */
  readonly learned: number;
  readonly pushed: number;
  /** Tracked records among the pushed ones that Redis had lost. */
  readonly lost: number;
}

/**
 * The records of all calls, or of all owners, in two copies: `local` in memory and `shared` in
 * Redis. There is one way to write, `update`, and one way to repair, `sync`. Both merge, and
 * neither asks why the two copies differ.
 */
export class Registry<R extends Identified = CallRecord> implements RecordRegistry<R> {
  readonly #options: RegistryOptions<R>;
  readonly #texts: SharedTexts<R>;
  readonly #writer: RecordWriter<R>;

  constructor(options: RegistryOptions<R>) {
    this.#options = options;
    this.#texts = new SharedTexts(options);
    this.#writer = new RecordWriter(options, this.#texts);
  }

  get(id: string): R {
    return this.#options.local.get(id);
  }

  version(id: string): string {
    return this.#options.local.text(id);
  }

  isDurable(id: string): boolean {
    return this.#options.local.isDurable(id);
  }

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
    const open = ids.map((id, index) => toOpen<R>({ id, decide: asKnown }, index));
    return isUp() && (await this.#writer.write(open, [])).isAnswered;
  }

  /**
   * The records of a slot. If Redis lacks a record that it once acknowledged, this leaves it out:
   * Redis may have removed it since, and if Redis lost it, the next sync writes it back.
   */
  async readSlot(slot: number, which: 'tracked' | 'removed'): Promise<R[]> {
    const { kind, local, shared, isUp } = this.#options;
    const reading = () => (which === 'tracked' ? shared.readSlot(slot) : this.#readRemoved(slot));
    const read = isUp() ? await reading().catch(ifUnavailable) : null;
    const records = this.#idsOf(slot, which, read?.keys() ?? null).map((id) => {
      const text = read?.get(id);
      const known = local.get(id);
      return text === undefined ? known : kind.merge(this.#texts.decode(id, text), known);
    });
    return records.filter((record) => (kind.removedAt(record) === null) === (which === 'tracked'));
  }

  /** The ids of these records, and perhaps of some that have just left that state. */
  async readIds(slot: number, which: 'tracked' | 'removed'): Promise<string[]> {
    const { shared, isUp } = this.#options;
    const reading = () =>
      which === 'tracked' ? shared.trackedIds(slot) : shared.removedSince(slot, 0);
    return this.#idsOf(slot, which, isUp() ? await reading().catch(ifUnavailable) : null);
  }

  /** @param read the ids in Redis; null if Redis does not answer */
  #idsOf(slot: number, which: 'tracked' | 'removed', read: Iterable<string> | null): string[] {
    const { local } = this.#options;
    const known = which === 'tracked' ? local.tracked(slot) : local.removed(slot);
    const ids = new Set(read);
    for (const id of known.keys()) if (read === null || !local.isAcknowledged(id)) ids.add(id);
    return [...ids];
  }

  /** What this replica and Redis know, merged; without Redis what this replica knows. */
  async read(ids: readonly string[]): Promise<R[]> {
    const { local, shared, isUp } = this.#options;
    const texts = isUp() ? await shared.read(ids).catch(ifUnavailable) : null;
    return ids.map((id, i) => {
      this.#texts.learn(id, texts?.[i] ?? '');
      return local.get(id);
    });
  }

  /**
   * Changes records, based on what this replica and Redis know. If Redis does not answer, a change
   * is kept here until a flush or a sync writes it. One result per change, in order.
   */
  async update(changes: readonly Change<R>[]): Promise<Changed<R>[]> {
    const { isUp } = this.#options;
    const open = changes.map(toOpen);
    const results: Changed<R>[] = [];
    const left = isUp() ? (await this.#writer.write(open, results)).left : open;
    for (const item of left) results[item.index] = this.#writer.keepLocally(item);
    return results;
  }

  /**
   * Exchanges a slot with Redis: afterwards both know what either knew. Empty, older and
   * failed-over Redis are the same case.
   *
   * @throws StoreUnavailableError if Redis does not answer; some records may have been exchanged
   */
  async sync(slot: number, { removedSince, isSettled = none }: SyncOptions): Promise<Synced> {
    const { local, shared } = this.#options;
    const there = new Map(await shared.readSlot(slot));
    const removed = removedSince === null ? [] : await shared.removedSince(slot, removedSince);
    // Some were removed after they were read as tracked.
    for (const id of removed) there.delete(id);
    this.#dropStale(slot, there);
    const settled = new Set(removed.filter(isSettled));
    const here = removedSince === null ? [] : local.removed(slot).keys();
    const unread = new Set<string>();
    for (const ids of [local.tracked(slot).keys(), here, removed]) {
      for (const id of ids) if (!there.has(id) && !settled.has(id)) unread.add(id);
    }
    for (const [id, text] of await this.#readTexts([...unread])) there.set(id, text);
    return await this.#exchange(there);
  }

  async #readRemoved(slot: number): Promise<ReadonlyMap<string, string>> {
    return this.#readTexts(await this.#options.shared.removedSince(slot, 0));
  }

  async #readTexts(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const texts = ids.length === 0 ? [] : await this.#options.shared.read(ids);
    return new Map(ids.map((id, i) => [id, texts[i] ?? '']));
  }

  /** Merges the texts of Redis ('': none), then writes to Redis what still differs. */
  async #exchange(there: ReadonlyMap<string, string>): Promise<Synced> {
    const { kind, local } = this.#options;
    let learned = 0;
    const behind: Open<R>[] = [];
    for (const [id, text] of there) {
      const known = local.text(id);
      if (known === text) {
        this.#writer.acknowledge(id);
        continue;
      }
      const how = this.#texts.learn(id, text);
      if (how === 'newer' || (how === 'unreadable' && known === '')) continue;
      const now = local.text(id);
      if (now !== known) learned++;
      if (now === text) this.#writer.acknowledge(id);
      else behind.push({ change: { id, decide: asKnown }, index: behind.length, expected: text });
    }
    const { isAnswered } = await this.#writer.write(behind, []);
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
}

function toOpen<R>(change: Change<R>, index: number): Open<R> {
  return { change, index, expected: null };
}

function asKnown(): null {
  return null;
}

function none(): boolean {
  return false;
}
