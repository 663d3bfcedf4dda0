import type { EventType, OwnerEventType } from './event.ts';
import { type OwnerRecord, ownerState, wasLostByMistake } from './owner.ts';
import { type CallRecord, failureOf, removedOf, renewalOf, stateOf } from './record.ts';
import { saysTheSame } from './words.ts';

export interface Announcement {
  readonly type: EventType;
  /** Made of the content, so a repeat has the same name, even after Redis lost its data. */
  readonly name: string;
  readonly at: number;
}

/**
 * In order; none if only details changed. One change may have two: a call that Redis had lost is
 * tracked again, and is at risk.
 */
export function announcementsOf(
  before: CallRecord,
  after: CallRecord,
  now: number,
): Announcement[] {
  const { id, tracking } = after;
  if (tracking === null) return []; // the stop of an unknown call
  const named = (type: EventType, at: number, detail = '') => {
    const name = `${id}/${tracking.generation}/${type}${detail}`;
    return { type, name, at };
  };
  const removed = removedOf(after);
  const wasState = stateOf(before);
  // The call was removed in between, even if Redis has forgotten that.
  const isAfresh = before.tracking?.trackedAt !== tracking.trackedAt;
  if (removed !== null) {
    const { state, at } = removed;
    if (wasState === state && !isAfresh) return [];
    // A renewal undoes an expiry, so the call may expire again.
    return [named(state, at, state === 'expired' ? `/${renewalOf(after) ?? 0}` : '')];
  }
  const announcements: Announcement[] = [];
  const isNewWord = before.tracking?.generation !== tracking.generation;
  const isVisible = !before.tracking || !saysTheSame(before.tracking, tracking);
  if (isNewWord && (isVisible || isAfresh || wasState !== 'tracked')) {
    announcements.push(named('tracked', now));
  } else if (!isNewWord && isVisible) {
    // Graph has named the tenant; the bot has not tracked the call again.
    announcements.push(named('tracked', now, `/${tracking.tenantId}`));
  } else if (wasState !== 'tracked') {
    // This replica had given the call up, but another one renewed it.
    announcements.push(named('tracked', now, `/${renewalOf(after) ?? 0}`));
  }
  const [wasAtRisk, isAtRisk] = [before, after].map((one) => failureOf(one)?.atRiskAt ?? null);
  if (isAtRisk && !wasAtRisk) {
    announcements.push(named('at-risk', isAtRisk, `/${renewalOf(after) ?? 0}`));
  } else if (wasAtRisk && wasState === 'tracked' && !failureOf(after)) {
    announcements.push(named('recovered', now, `/${renewalOf(before) ?? 0}`));
  }
  return announcements;
}

/** The same for an owner. Its first lease is not announced. */
export function ownerAnnouncementsOf(
  before: OwnerRecord,
  after: OwnerRecord,
  now: number,
): Announcement[] {
  const [was, is] = [ownerState(before), ownerState(after)];
  const named = (type: OwnerEventType, at: number, renewedAt = 0) => {
    return [{ type, name: `${after.id}/${renewedAt}/${type}`, at }];
  };
  if (is === 'lapsed' && was !== 'lapsed' && was !== 'lost') {
    return named('owner.lapsed', after.lapse?.at ?? now, after.lapse?.renewedAt);
  }
  const wasLapsed = was === 'lapsed' || (was === 'lost' && wasLostByMistake(after));
  if (is === 'active' && wasLapsed) {
    return named('owner.renewed', after.lease?.renewedAt ?? now, before.lease?.renewedAt);
  }
  return [];
}
