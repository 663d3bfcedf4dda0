import type { EventType, OwnerEventType } from './event.ts';
import { type OwnerRecord, ownerState, wasLostByMistake } from './owner.ts';
import {
  type CallRecord,
  failureOf,
  type Removed,
  removedOf,
  renewalOf,
  stateOf,
  type Tracking,
} from './record.ts';
import { haveSameFields } from './record-changes.ts';

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
  const { tracking } = after;
  if (tracking === null) return []; // the stop of an unknown call
  const removed = removedOf(after);
  if (removed !== null) return removalOf(before, after, removed);
  return [...trackingOf(before, after, tracking, now), ...riskOf(before, after, now)];
}

function removalOf(before: CallRecord, after: CallRecord, { state, at }: Removed): Announcement[] {
  if (stateOf(before) === state && !isAfresh(before, after)) return [];
  // A renewal undoes an expiry, so the call may expire again.
  return [named(after, state, at, state === 'expired' ? `/${renewalOf(after) ?? 0}` : '')];
}

function trackingOf(
  before: CallRecord,
  after: CallRecord,
  tracking: Tracking,
  now: number,
): Announcement[] {
  const wasTracked = stateOf(before) === 'tracked';
  const isNewTracking = before.tracking?.generation !== tracking.generation;
  const isVisible = !before.tracking || !haveSameFields(before.tracking, tracking);
  if (isNewTracking && (isVisible || isAfresh(before, after) || !wasTracked)) {
    return [named(after, 'tracked', now)];
  }
  // Graph has named the tenant; the bot has not tracked the call again.
  if (!isNewTracking && isVisible) return [named(after, 'tracked', now, `/${tracking.tenantId}`)];
  if (wasTracked) return [];
  // This replica had given the call up, but another one renewed it.
  return [named(after, 'tracked', now, `/${renewalOf(after) ?? 0}`)];
}

function riskOf(before: CallRecord, after: CallRecord, now: number): Announcement[] {
  const [wasAtRisk, isAtRisk] = [before, after].map((one) => failureOf(one)?.atRiskAt ?? null);
  if (isAtRisk && !wasAtRisk) {
    return [named(after, 'at-risk', isAtRisk, `/${renewalOf(after) ?? 0}`)];
  }
  if (!wasAtRisk || stateOf(before) !== 'tracked' || failureOf(after)) return [];
  return [named(after, 'recovered', now, `/${renewalOf(before) ?? 0}`)];
}

/** Whether the call was removed in between, even if Redis has forgotten that. */
function isAfresh(before: CallRecord, after: CallRecord): boolean {
  return before.tracking?.trackedAt !== after.tracking?.trackedAt;
}

function named(after: CallRecord, type: EventType, at: number, detail = ''): Announcement {
  return { type, name: `${after.id}/${after.tracking?.generation}/${type}${detail}`, at };
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
