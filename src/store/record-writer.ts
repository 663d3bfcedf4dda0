import type { Announcement } from '../calls/announcement.ts';
import { batchesOf } from '../calls/batches-of.ts';
import { type Change, type Changed, ifUnavailable } from '../calls/ports.ts';
import type { LocalRegistry } from './local-registry.ts';
import type { Identified, RecordKind } from './record-kind.ts';
import type { SharedRegistry, Write } from './shared-registry.ts';
import type { SharedTexts } from './shared-texts.ts';

export interface RecordWriterOptions<R extends Identified> {
  readonly kind: RecordKind<R>;
  readonly local: LocalRegistry<R>;
  readonly shared: SharedRegistry;
  readonly now: () => number;
  readonly onAnnounced: (announcement: Announcement, record: R) => void;
}

/** A change that is not written yet. */
export interface Open<R> {
  readonly change: Change<R>;
  readonly index: number;
  /** The text that Redis probably has; null: the same as the local registry. */
  readonly expected: string | null;
}

interface Draft<R> extends Open<R> {
  /** The local text that it was made from. */
  readonly base: string;
  readonly before: R;
  readonly after: R;
  readonly write: Write;
  /** Only the renewal changes. `before` and `after` are decoded only if somebody reads them. */
  readonly isRenewal: boolean;
}

const BATCH_SIZE = 1_000;
/** One writer wins each round of a race, so this is enough unless somebody writes in a loop. */
const MAX_ROUNDS = 32;

/**
 * Merges each change into the local record and replaces the text in Redis, if that is still the
 * expected one. Otherwise it merges the text that Redis has, and repeats.
 */
export class RecordWriter<R extends Identified> {
  readonly #options: RecordWriterOptions<R>;
  readonly #texts: SharedTexts<R>;
  /** Announcements of unanswered writes, by id: Redis may have stored the records. */
  readonly #unheard = new Map<string, readonly Announcement[]>();

  constructor(options: RecordWriterOptions<R>, texts: SharedTexts<R>) {
    this.#options = options;
    this.#texts = texts;
  }

  /** Makes the change in the local copy alone; a flush or a sync writes it to Redis later. */
  keepLocally(item: Open<R>): Changed<R> {
    const { local } = this.#options;
    const draft = this.#draft(item);
    const changed = this.#put(draft, 'kept');
    const isVolatile = draft.write.announcements.some(isAboutState);
    if (local.text(item.change.id) !== '') local.setUnacknowledged(item.change.id, isVolatile);
    return changed;
  }

  /** Writes in batches, so that other work can go on in between. */
  async write(all: readonly Open<R>[], results: Changed<R>[]) {
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

  /**
   * Repeats until Redis has stored or refused every change, or does not answer. A change that loses
   * every race stays unwritten, like one that Redis did not answer.
   */
  async #writeBatch(all: readonly Open<R>[], results: Changed<R>[]) {
    const left: Open<R>[] = [];
    let open = all;
    for (let round = 0; open.length > 0 && round < MAX_ROUNDS; round++) {
      const drafts = open.map((item) => this.#draft(item));
      const writes = drafts.map(({ write }) => write);
      const replies = await this.#options.shared.write(writes).catch(ifUnavailable);
      if (replies === null) {
        for (const { id, announcements } of writes) {
          if (announcements.length > 0) this.#unheard.set(id, announcements);
        }
        return { left: [...left, ...open], isAnswered: false };
      }
      left.push(...open.filter((_, i) => replies[i] === null));
      open = drafts.flatMap((draft, i) => {
        const reply = replies[i] ?? null;
        return reply === null ? [] : this.#applyReply(draft, reply, results);
      });
    }
    return { left: [...left, ...open], isAnswered: true };
  }

  /** Returns the change if it must be repeated on the text that Redis has. */
  #applyReply(draft: Draft<R>, reply: true | string, results: Changed<R>[]): Open<R>[] {
    const { local, onAnnounced } = this.#options;
    const { change, index, write } = draft;
    // Another replica may have written the same text first.
    if (reply === true || reply === write.text) {
      results[index] = this.#put(draft, 'stored');
      const announced = reply === true ? write.announcements : [];
      for (const one of announced) onAnnounced(one, draft.after);
      if (local.text(change.id) === write.text) this.acknowledge(change.id, announced);
      return [];
    }
    if (this.#texts.learn(change.id, reply) === 'newer') {
      this.#unheard.delete(change.id);
      results[index] = { kind: 'refused', before: draft.before, after: draft.before };
      return [];
    }
    return [{ change, index, expected: reply }];
  }

  /**
   * Notes that Redis has the local record. If it took an earlier write but its answer was lost,
   * this passes on what that write announced, unless that was passed on since or no longer holds.
   */
  acknowledge(id: string, announced: readonly Announcement[] = []): void {
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

  #draft(item: Open<R>): Draft<R> {
    const base = this.#options.local.text(item.change.id);
    return this.#draftOfRenewal(item, base) ?? this.#draftOf(item, base);
  }

  #draftOfRenewal(item: Open<R>, base: string): Draft<R> | null {
    const { kind, local } = this.#options;
    const { id, renewedAt } = item.change;
    if (renewedAt === undefined || (item.expected ?? base) !== base) return null;
    const text = local.renewedText(base, renewedAt);
    if (text === null) return null;
    const write = { id, expected: base, text, removedAt: null, announcements: [] };
    return {
      ...item,
      base,
      write,
      isRenewal: true,
      get before() {
        return kind.decode(id, base);
      },
      get after() {
        return kind.decode(id, text);
      },
    };
  }

  #draftOf(item: Open<R>, base: string): Draft<R> {
    const { kind, local, now } = this.#options;
    const { id } = item.change;
    const expected = item.expected ?? base;
    const before = local.get(id);
    const added = item.change.decide(before);
    const after = added === null ? before : kind.merge(before, added);
    // Whether to publish an event depends on what Redis knew, not on what this replica knew.
    const inRedis = expected === base ? before : this.#texts.decode(id, expected);
    const write = {
      id,
      expected,
      // An empty record changes nothing, not even a text that cannot be read.
      text: kind.saysAnything(after) ? kind.encode(after) : expected,
      removedAt: kind.removedAt(after),
      announcements: kind.announcements(inRedis, after, now()),
    };
    return { ...item, base, before, after, write, isRenewal: false };
  }

  #put(draft: Draft<R>, how: 'stored' | 'kept'): Changed<R> {
    const { kind, local } = this.#options;
    const { base, write } = draft;
    if (draft.isRenewal) {
      local.learn(write.id, write.text, base);
      return {
        kind: how,
        get before() {
          return draft.before;
        },
        get after() {
          return local.get(write.id);
        },
      };
    }
    const { before, after } = draft;
    const put = kind.saysAnything(after) ? local.put(base, after, write.text) : after;
    return { kind: how, before, after: put };
  }
}

/** False for `at-risk` and `recovered`: they change neither the bot's words nor the state. */
function isAboutState({ type }: Announcement): boolean {
  return type !== 'at-risk' && type !== 'recovered';
}
