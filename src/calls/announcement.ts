import type { EventType } from './event.ts';
import { type CallRecord, failureOf, removedOf, renewalOf, stateOf } from './record.ts';
import { saysTheSame } from './words.ts';

/** What to publish about a change of a record. */
export interface Announcement {
  readonly type: EventType;
  /**
   * Made of what it says: whoever announces the same thing again, also after Redis lost its
   * data, does it under the same name.
   */
  readonly name: string;
  /** When it happened, epoch ms. */
  readonly at: number;
}

/** What a change of a record has to announce; null if nothing that others want to know changed. */
export function announcementOf(
  before: CallRecord,
  after: CallRecord,
  now: number,
): Announcement | null {
  const { id, tracking } = after;
  if (tracking === null) return null; // the stop of a call that nobody knows
  const named = (type: EventType, at: number, detail = '') => {
    const name = `${id}/${tracking.generation}/${type}${detail}`;
    return { type, name, at };
  };
  const removed = removedOf(after);
  const wasState = stateOf(before);
  // Tracked afresh: it was removed in between, also if Redis has forgotten that.
  const isAfresh = before.tracking?.trackedAt !== tracking.trackedAt;
  if (removed !== null) {
    const { state, at } = removed;
    if (wasState === state && !isAfresh) return null;
    // A renewal undoes an expiry: the call may expire again.
    return named(state, at, state === 'expired' ? `/${renewalOf(after) ?? 0}` : '');
  }
  const isNewWord = before.tracking?.generation !== tracking.generation;
  const isVisible = !before.tracking || !saysTheSame(before.tracking, tracking);
  if (isNewWord && (isVisible || isAfresh || wasState !== 'tracked')) return named('tracked', now);
  // Graph has named the tenant, which is no word of the bot's.
  if (!isNewWord && isVisible) return named('tracked', now, `/${tracking.tenantId}`);
  // Given up, and renewed by somebody all the same.
  if (wasState !== 'tracked') return named('tracked', now, `/${renewalOf(after) ?? 0}`);
  const [wasAtRisk, isAtRisk] = [before, after].map((one) => failureOf(one)?.atRiskAt ?? null);
  if (isAtRisk && !wasAtRisk) return named('at-risk', isAtRisk, `/${renewalOf(after) ?? 0}`);
  if (wasAtRisk && !failureOf(after)) return named('recovered', now, `/${renewalOf(before) ?? 0}`);
  return null;
}
