import { type Call, forget, type GoneCall, isGone, type ResultInfo, tombstone } from './call.ts';
import type { Random } from './ports.ts';
import { isWithin, type Reach } from './principal.ts';
import type { RetryPolicy } from './retry.ts';

/**
 * A bot's request to track a call. A missing field stays as it was; null resets it
 * to its default. Instants in epoch ms.
 */
export interface TrackRequest {
  /** Canonical; see `parseCallId`. */
  readonly id: string;
  readonly app?: string | null | undefined;
  readonly tenantId?: string | null | undefined;
  readonly startedAt?: number | null | undefined;
  readonly trackUntil?: number | null | undefined;
  /** The whole map: it replaces all labels. */
  readonly labels?: Readonly<Record<string, string>> | null | undefined;
  readonly webhookUrl?: string | null | undefined;
}

/** A request that cannot be granted, though it is well-formed. */
export interface Invalid {
  readonly kind: 'invalid';
  readonly field: keyof TrackRequest;
  readonly message: string;
}

export interface ConfiguredApps {
  /** The configured apps by name, with the tenant that their calls belong to unless said otherwise. */
  readonly apps: ReadonlyMap<string, { readonly tenantId: string }>;
  readonly defaultApp: string;
}

export interface RegistrationContext extends ConfiguredApps {
  readonly now: number;
  /** See `SettledClock`. */
  readonly settledNow: number;
  readonly random: Random;
  /** Why a webhook may not be told, or null. */
  readonly webhookFault?: (url: string, app: string) => string | null;
  readonly policy: RetryPolicy;
}

/** A bot's clock may be this far ahead of ours before `startedAt` counts as a mistake. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Finds faults that do not depend on the call. @param reach messages name only these apps */
export function faultOf(
  request: TrackRequest,
  context: RegistrationContext,
  reach: Reach = null,
): Invalid | null {
  const { now, settledNow, apps, defaultApp } = context;
  const { app, startedAt = null, trackUntil = null } = request;
  if (!apps.has(app ?? defaultApp)) {
    const names = [...apps.keys()].filter((name) => isWithin(reach, name)).join(', ');
    return invalid('app', `no app of this name is configured; there is ${names}`);
  }
  if (startedAt !== null && startedAt > now + CLOCK_SKEW_MS) {
    return invalid('startedAt', 'must not lie in the future');
  }
  if (trackUntil !== null && trackUntil <= settledNow) {
    return invalid('trackUntil', 'must lie in the future');
  }
  return null;
}

/**
 * Checks that the app may use the webhook, if the request names a webhook or moves
 * the call to another app, which may not be allowed to use it.
 */
export function faultOfWebhook(
  request: TrackRequest,
  next: Call,
  last: Call | null,
  { webhookFault }: RegistrationContext,
): Invalid | null {
  if (next.webhookUrl === null || (request.webhookUrl == null && next.app === last?.app)) {
    return null;
  }
  const fault = webhookFault?.(next.webhookUrl, next.app) ?? null;
  return fault === null ? null : invalid('webhookUrl', fault);
}

/**
 * Applies a track request: the fields that it does not name stay as they were. A
 * tracked call also keeps its renewals. A removed call starts from scratch, unless
 * we gave it up (`expired`): then its fields stay.
 *
 * @param last the last record of the call, tracked or removed
 * @param before the registration of the last record of this id, which may be another app's
 */
export function register(
  request: TrackRequest,
  last: Call | GoneCall | null,
  context: RegistrationContext,
  before = last?.registration,
): Call {
  const { now, random, apps, defaultApp, policy } = context;
  const tracked = last === null || isGone(last) ? null : last;
  const said = tracked ?? (last && isGone(last) && last.removal === 'expired' ? last : null);
  const app = (request.app === undefined ? said?.app : request.app) ?? defaultApp;
  const tenant = tenantOf(request.tenantId, said, apps.get(app)?.tenantId);
  const hasMoved = tracked !== null && isElsewhere(tracked, { app, ...tenant });
  return {
    id: request.id,
    app,
    ...tenant,
    labels: keep(request.labels, said?.labels) ?? {},
    webhookUrl: keep(request.webhookUrl, said?.webhookUrl),
    registration: newRegistration(now, random, before),
    trackedAt: tracked?.trackedAt ?? now,
    startedAt: keep(request.startedAt, tracked?.startedAt),
    trackUntil: keep(request.trackUntil, said?.trackUntil),
    renewedAt: tracked?.renewedAt ?? null,
    retryAt: tracked === null ? now + policy.firstMs : hasMoved ? null : tracked.retryAt,
    consecutiveFailures: tracked?.consecutiveFailures ?? 0,
    atRiskAt: tracked?.atRiskAt ?? null,
    lastError: tracked?.lastError ?? null,
  };
}

function keep<T>(named: T | null | undefined, before: T | null | undefined): T | null {
  return named === undefined ? (before ?? null) : named;
}

/** If nobody named a tenant, it is the app's own, also after the call moves to another app. */
function tenantOf(
  named: string | null | undefined,
  said: Call | null,
  ofApp: string | undefined,
): Pick<Call, 'tenantId' | 'tenantIsDefault'> {
  const tenantId = named ?? (named === undefined && !said?.tenantIsDefault ? said?.tenantId : null);
  if (tenantId != null) return { tenantId, tenantIsDefault: false };
  return { tenantId: ofApp ?? said?.tenantId ?? '', tenantIsDefault: true };
}

/** Whether the two need different credentials, or are in different tenants. */
function isElsewhere(a: Pick<Call, 'app' | 'tenantId'>, b: Pick<Call, 'app' | 'tenantId'>) {
  return a.app !== b.app || a.tenantId !== b.tenantId;
}

/**
 * Applies a stop. Like a track request it makes a new registration, so it counts
 * against every earlier one, also against one that is not known here.
 *
 * @param last the known call; null: there is none, and the result is a tombstone
 * @param said `resultInfo`: Graph's; `reach`: the apps whose calls the sender may stop; `before`:
 *   the registration of the last record of this id
 */
export function unregister(
  id: string,
  last: Call | GoneCall | null,
  { now, random }: Pick<RegistrationContext, 'now' | 'random'>,
  said: { resultInfo?: ResultInfo | null; reach?: Reach; before?: string | undefined } = {},
): GoneCall {
  const { resultInfo = null, reach = null, before = last?.registration } = said;
  const registration = newRegistration(now, random, before);
  if (last === null) return { ...tombstone(id, registration, now, reach), resultInfo };
  if (!isGone(last)) return { ...forget(last, 'untracked', now), registration, resultInfo };
  const onlyApps = reach === null ? undefined : [...reach];
  return { ...last, registration, resultInfo: resultInfo ?? last.resultInfo, onlyApps };
}

/**
 * Sorts by the instant of tracking, and after the one before whatever the clock
 * says; chance tells apart what two replicas made in the same ms.
 */
export function newRegistration(now: number, random: Random, before = ''): string {
  const chance = Math.floor(random() * 36 ** 4);
  const fresh = now.toString(36).padStart(9, '0') + chance.toString(36).padStart(4, '0');
  return laterThan(before, fresh);
}

/** A registration where it is later than another, or else the next after that. */
export function laterThan(before: string, registration: string): string {
  return registration > before ? registration : `${before}0`;
}

function invalid(field: keyof TrackRequest, message: string): Invalid {
  return { kind: 'invalid', field, message };
}
