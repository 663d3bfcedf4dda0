import type { Call, GoneCall } from '../calls/call.ts';
import { AT_RISK_SHARE, deadlineAt } from '../calls/deadline.ts';
import type { CallStore, Change, Entry, WriteResult } from '../calls/ports.ts';
import { slotOf, type Wheel } from '../calls/wheel.ts';
import { decodeCall, encodeCall } from './codec.ts';

/** What the roster knows of all calls at an instant. */
export interface RosterSummary {
  readonly tracked: number;
  /** With at least one failure since their last success. */
  readonly failing: number;
  /** With less than a third of the deadline left. */
  readonly atRisk: number;
  /** Of the call nearest to its deadline; null where there is no call. */
  readonly nearestDeadlineAt: number | null;
  /** Tracked calls that the roster had no room for: without Redis they are not kept alive here. */
  readonly unheld: number;
}

interface Slot {
  /** id → the call as encoded for Redis, which takes less memory than an object. */
  calls: Map<string, string>;
  /** What was written here since the last whole read began, by the count of writes. */
  touched: Map<string, number>;
  /** Those that left lately, in the order in which they did. */
  readonly gone: Map<string, GoneCall>;
  /** How many calls of the slot were left out for want of room. */
  unheld: number;
  summary: { failing: number; nearestDeadlineAt: number } | null;
}

export interface RosterOptions {
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  /** It holds so many calls at most. */
  readonly mostCalls: number;
}

/** About so many calls that have left are remembered here; Redis remembers them all. */
const MOST_GONE = 50_000;

/**
 * A replica's own copy of the wheel in memory: what it goes by when Redis does
 * not answer, and what its metrics are read from.
 *
 * As a store of its own (`write`) it takes changes that Redis has yet to learn
 * of: those stand against whatever is read there, until they have been
 * reconciled. What is already in Redis comes by `put`, `remove` and
 * `replaceSlot`.
 */
export class Roster implements CallStore {
  readonly #options: RosterOptions;
  readonly #slots: Slot[];
  /** The ids whose changes Redis has yet to learn of. */
  readonly #unsaved = new Set<string>();
  #held = 0;
  #writes = 0;

  constructor(options: RosterOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.wheel.slots }, () => ({
      calls: new Map(),
      touched: new Map(),
      gone: new Map(),
      unheld: 0,
      summary: null,
    }));
  }

  async readSlot(slot: number): Promise<Entry[]> {
    return [...this.#slot(slot).calls].map(([id, version]) => toEntry(id, version));
  }

  async find(ids: readonly string[]): Promise<(Entry | null)[]> {
    return ids.map((id) => this.peek(id));
  }

  async findGone(id: string): Promise<GoneCall | null> {
    const gone = this.#slotOf(id).gone.get(id);
    return gone && isKnown(gone) ? gone : null;
  }

  async readGone(slot: number): Promise<GoneCall[]> {
    return [...this.#slot(slot).gone.values()];
  }

  async forgetGone(slot: number, before: number): Promise<void> {
    const { gone } = this.#slot(slot);
    for (const [id, call] of gone) if (call.goneAt < before) gone.delete(id);
  }

  async write(changes: readonly Change[]): Promise<WriteResult[]> {
    return changes.map((change) => {
      const current = this.peek(change.id);
      if ((current?.version ?? null) !== change.expected) return { done: false, current };
      this.#unsaved.add(change.id);
      this.apply(change);
      return { done: true };
    });
  }

  peek(id: string): Entry | null {
    const version = this.#slotOf(id).calls.get(id);
    return version === undefined ? null : toEntry(id, version);
  }

  /** Whether the call, under this registration or a later one, is known to have left the schedule. */
  hasLeft(call: Call): boolean {
    const gone = this.#slotOf(call.id).gone.get(call.id);
    return gone !== undefined && gone.registration >= call.registration;
  }

  apply(change: Change): void {
    if ('gone' in change) this.remove(change.gone);
    else this.put(change.next);
  }

  /** A call that nobody else knows of is taken in even where there is no room. */
  put(call: Call): void {
    const slot = this.#touch(call.id);
    if (!slot.calls.has(call.id)) {
      if (this.#held >= this.#options.mostCalls && !this.#unsaved.has(call.id)) {
        slot.unheld++;
        return;
      }
      this.#held++;
    }
    slot.calls.set(call.id, encodeCall(call));
    slot.gone.delete(call.id);
  }

  remove(call: GoneCall): void {
    const slot = this.#touch(call.id);
    if (slot.calls.delete(call.id)) this.#held--;
    slot.gone.delete(call.id);
    slot.gone.set(call.id, call);
    if (slot.gone.size * this.#slots.length <= MOST_GONE) return;
    const oldest = [...slot.gone.keys()].find((id) => !this.#unsaved.has(id));
    if (oldest !== undefined) slot.gone.delete(oldest);
  }

  /**
   * A call that is not known here was stopped: it stops as soon as Redis can be
   * told. `registration` is later than any under which it may be tracked there.
   */
  stopUnknown(id: string, registration: string, at: number): void {
    this.#unsaved.add(id);
    this.remove({
      id,
      app: '',
      tenantId: '',
      labels: {},
      webhookUrl: null,
      registration,
      trackedAt: at,
      startedAt: null,
      trackUntil: null,
      renewedAt: null,
      retryAt: null,
      consecutiveFailures: 0,
      atRiskAt: null,
      lastError: null,
      removal: 'untracked',
      goneAt: at,
    });
  }

  /** To be taken before a slot is read elsewhere, and given to {@link replaceSlot}. */
  mark(): number {
    return this.#writes;
  }

  /**
   * Takes over a slot as it was read in Redis. What was written here since the
   * mark stands, and so does what Redis has yet to learn of.
   */
  replaceSlot(slot: number, entries: readonly Entry[], mark: number): void {
    const here = this.#slot(slot);
    const calls = new Map<string, string>();
    const room = Math.max(0, this.#options.mostCalls - (this.#held - here.calls.size));
    let unheld = 0;
    for (const { call, version } of entries) {
      if (calls.size < room) calls.set(call.id, version);
      else unheld++;
    }
    for (const [id, write] of here.touched) {
      if (write <= mark && !this.#unsaved.has(id)) {
        here.touched.delete(id);
        continue;
      }
      const kept = here.calls.get(id);
      if (kept === undefined) calls.delete(id);
      else calls.set(id, kept);
    }
    this.#held += calls.size - here.calls.size;
    here.calls = calls;
    here.unheld = unheld;
    here.summary = null;
  }

  /** Whether there is something that Redis has yet to learn of. */
  get hasUnsaved(): boolean {
    return this.#unsaved.size > 0;
  }

  /** Redis knows of them now, as they were when they were read here. */
  saved(entries: readonly Entry[], gone: readonly GoneCall[]): void {
    for (const { call, version } of entries) {
      if (this.peek(call.id)?.version === version) this.#unsaved.delete(call.id);
    }
    for (const call of gone) {
      if (this.#slotOf(call.id).gone.get(call.id) === call) this.#unsaved.delete(call.id);
    }
  }

  summary(now: number): RosterSummary {
    const { deadlineMs } = this.#options;
    let failing = 0;
    let atRisk = 0;
    let unheld = 0;
    let nearest = Infinity;
    for (const slot of this.#slots) {
      unheld += slot.unheld;
      if (slot.calls.size === 0) continue;
      slot.summary ??= this.#summarise(slot);
      failing += slot.summary.failing;
      nearest = Math.min(nearest, slot.summary.nearestDeadlineAt);
      if (slot.summary.nearestDeadlineAt - now < deadlineMs * AT_RISK_SHARE) {
        atRisk += this.#countAtRisk(slot, now);
      }
    }
    const nearestDeadlineAt = this.#held > 0 ? nearest : null;
    return { tracked: this.#held + unheld, failing, atRisk, nearestDeadlineAt, unheld };
  }

  #summarise(slot: Slot) {
    let failing = 0;
    let nearestDeadlineAt = Infinity;
    for (const [id, version] of slot.calls) {
      const call = decodeCall(id, version);
      if (call.consecutiveFailures > 0) failing++;
      nearestDeadlineAt = Math.min(nearestDeadlineAt, deadlineAt(call, this.#options.deadlineMs));
    }
    return { failing, nearestDeadlineAt };
  }

  #countAtRisk(slot: Slot, now: number): number {
    const { deadlineMs } = this.#options;
    let count = 0;
    for (const [id, version] of slot.calls) {
      const marginMs = deadlineAt(decodeCall(id, version), deadlineMs) - now;
      if (marginMs < deadlineMs * AT_RISK_SHARE) count++;
    }
    return count;
  }

  #touch(id: string): Slot {
    const slot = this.#slotOf(id);
    slot.touched.set(id, ++this.#writes);
    slot.summary = null;
    return slot;
  }

  #slotOf(id: string): Slot {
    return this.#slot(slotOf(id, this.#options.wheel));
  }

  #slot(slot: number): Slot {
    const found = this.#slots[slot];
    if (!found) throw new RangeError(`there is no slot ${slot}`);
    return found;
  }
}

/** False for what `stopUnknown` left: an instruction to stop, not a call. */
export function isKnown(gone: GoneCall): boolean {
  return gone.app !== '';
}

function toEntry(id: string, version: string): Entry {
  return { call: decodeCall(id, version), version };
}
