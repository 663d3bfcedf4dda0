import { stopOf } from './call.ts';
import { generationAt, type Moment, newGeneration } from './generation.ts';
import type { OwnerName } from './owner.ts';
import type { VisibleApps } from './principal.ts';
import {
  ALL_APPS,
  BOT_FIELD_NAMES,
  type BotField,
  type CallRecord,
  emptyRecord,
  type ResultInfo,
  removedOf,
  type Stop,
  stateOf,
  type Tracking,
} from './record.ts';
import type { ConfiguredApps, TrackRequest } from './track-request.ts';

/**
 * The tracking that a request makes. Fields that the request does not name stay as they were. A
 * removed call starts from scratch, unless Callkeeper had given it up (`expired`): then its fields
 * still hold.
 *
 * @param isVisible whether the client may see the call
 */
export function trackingFor(
  request: TrackRequest,
  current: CallRecord,
  { apps, defaultApp, ...moment }: ConfiguredApps & Moment,
  isVisible: boolean,
): Tracking {
  const state = stateOf(current);
  const tracked = isVisible && state === 'tracked' ? current.tracking : null;
  const said = tracked ?? (isVisible && state === 'expired' ? current.tracking : null);
  const app = (request.app === undefined ? said?.app : request.app) ?? defaultApp;
  return {
    generation: newGeneration(moment, current),
    app,
    ...tenantOf(request.tenantId, said, apps.get(app)?.tenantId),
    trackedAt: tracked?.trackedAt ?? moment.now,
    // A call that was given up may have begun again since.
    ...fieldsOf(request, said && { ...said, startedAt: tracked?.startedAt ?? null }),
  };
}

function fieldsOf(request: TrackRequest, before: Tracking | null): Pick<Tracking, BotField> {
  const fields = BOT_FIELD_NAMES.map((field) => {
    const value = request[field] === undefined ? before?.[field] : request[field];
    return [field, value ?? (field === 'labels' ? {} : null)];
  });
  return Object.fromEntries(fields);
}

/** A tenant that nobody named is the app's own, even after the call moves to another app. */
function tenantOf(
  named: string | null | undefined,
  said: Tracking | null,
  ofApp: string | undefined,
): Pick<Tracking, 'tenantId' | 'tenantIsDefault'> {
  const tenantId = named ?? (named === undefined && !said?.tenantIsDefault ? said?.tenantId : null);
  if (tenantId != null) return { tenantId, tenantIsDefault: false };
  return { tenantId: ofApp ?? said?.tenantId ?? '', tenantIsDefault: true };
}

/** Sets the tenant that Graph names, unless somebody named one before. */
export function inTenant(tracking: Tracking, tenantId: string | null): Tracking {
  if (tenantId === null || !tracking.tenantIsDefault) return tracking;
  return { ...tracking, tenantId, tenantIsDefault: false };
}

/** Whether Graph names another tenant than the one that was named for the call. */
export function isOfAnotherTenant(tracking: Tracking, tenantId: string | null): boolean {
  if (tenantId === null || tracking.tenantIsDefault) return false;
  return tracking.tenantId.toLowerCase() !== tenantId;
}

const VISIBLE = ['app', 'tenantId', ...BOT_FIELD_NAMES] as const;

export function haveSameFields(a: Tracking, b: Tracking): boolean {
  return VISIBLE.every((field) =>
    field === 'labels' ? haveSameLabels(a, b) : a[field] === b[field],
  );
}

function haveSameLabels({ labels }: Tracking, other: Tracking): boolean {
  const pairs = Object.entries(labels);
  if (pairs.length !== Object.keys(other.labels).length) return false;
  return pairs.every(
    ([key, value]) => Object.hasOwn(other.labels, key) && other.labels[key] === value,
  );
}

/** Whether keepAlives need other credentials or another tenant. */
export function isElsewhere(a: Tracking, b: Tracking): boolean {
  return a.app !== b.app || a.tenantId !== b.tenantId;
}

/**
 * Stops a call. The stop counts against every earlier tracking, including those that this replica
 * does not know.
 *
 * @param visibleApps the apps whose calls the client may stop, for an unknown call
 */
export function recordOfStop(
  current: CallRecord,
  moment: Moment,
  said: { reason: Stop['reason']; resultInfo: ResultInfo | null; visibleApps: VisibleApps },
): CallRecord {
  const { reason, resultInfo, visibleApps } = said;
  const before = stateOf(current) === 'tracked' ? null : stopOf(current);
  const stop: Stop = {
    generation: newGeneration(moment, current),
    at: before?.at ?? moment.now,
    reason: before?.reason ?? reason,
    resultInfo: resultInfo ?? before?.resultInfo ?? null,
  };
  const apps = visibleApps === null ? [ALL_APPS] : visibleApps;
  return {
    ...emptyRecord(current.id),
    stops: Object.fromEntries([...apps].map((app) => [app, stop])),
  };
}

/** Ends a tracking at its `trackUntil`, but no later one: the bot may have prolonged it. */
export function trackingOver(current: CallRecord, now: number): CallRecord | null {
  if (current.tracking === null || stateOf(current) !== 'tracked') return null;
  return stopOfTracking(current.tracking, current.id, 'track-until', now);
}

export interface EndedOwner extends OwnerName {
  readonly at: number;
  readonly reason: 'owner-lost' | 'request';
}

/**
 * Stops a call of a lost or dropped owner, unless the call was tracked later: then a new instance
 * of the bot has tracked it again. A generation in the future does not count as later: it comes
 * from a clock that was ahead.
 */
export function ownerEnded(
  current: CallRecord,
  owner: EndedOwner,
  { now, skewMs }: { readonly now: number; readonly skewMs: number },
): CallRecord | null {
  const { tracking } = current;
  if (tracking === null || stateOf(current) !== 'tracked') return null;
  if (!isOwnedBy(tracking, owner)) return null;
  const { generation } = tracking;
  const isLater = generation >= generationAt(owner.at);
  if (isLater && generation < generationAt(now + skewMs)) return null;
  return stopOfTracking(tracking, current.id, owner.reason, now);
}

/**
 * Tracks a call again whose owner was lost by mistake. The new generation is the earliest possible,
 * so that it comes before any stop by the bot.
 */
export function ownerFound(current: CallRecord, owner: OwnerName): CallRecord | null {
  const { id, tracking } = current;
  if (tracking === null || removedOf(current)?.state !== 'untracked') return null;
  const stop = stopOf(current);
  const isLost = stop?.reason === 'owner-lost' && stop.generation === tracking.generation;
  if (!isLost || !isOwnedBy(tracking, owner)) return null;
  return { ...emptyRecord(id), tracking: { ...tracking, generation: `${tracking.generation}0` } };
}

function isOwnedBy(tracking: Tracking, { app, name }: OwnerName): boolean {
  return tracking.app === app && tracking.owner === name;
}

function stopOfTracking(
  { generation }: Tracking,
  id: string,
  reason: Stop['reason'],
  at: number,
): CallRecord {
  const stop: Stop = { generation, at, reason, resultInfo: null };
  return { ...emptyRecord(id), stops: { [ALL_APPS]: stop } };
}
