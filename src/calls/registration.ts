import { type Call, forget, type GoneCall, isGone, type ResultInfo, tombstone } from './call.ts';
import type { Random } from './ports.ts';
import { isWithin, type Reach } from './principal.ts';
import type { RetryPolicy } from './retry.ts';

/**
 * What a bot says of a call when it has it tracked. A field that is absent stays
 * as it was; null sets it back to its default. Instants in epoch ms.
 */
export interface TrackRequest {
  /** Canonical; see `parseCallId`. */
  readonly id: string;
  readonly app?: string | null | undefined;
  readonly tenantId?: string | null | undefined;
  readonly startedAt?: number | null | undefined;
  readonly trackUntil?: number | null | undefined;
  /** The whole map: labels that it does not have are gone. */
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

/** What is wrong with a request whatever the call is like. @param reach only these apps are named */
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
 * Whether the webhook may be told for the app: asked if the request names a
 * webhook, or moves a call to another app, where its webhook may not do.
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
 * The call as it is tracked from now on: what the request does not name stays as
 * it was said before. A tracked call also keeps its renewals. A call that left
 * the schedule begins afresh, unless it was we who gave it up (`expired`): then
 * what was said of it still holds.
 *
 * @param last what is known of the call, also if it has left the schedule
 * @param before the registration of the last word on the call, which may be another app's
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

/** A tenant that nobody named is the app's own, also after the call moves to another app. */
function tenantOf(
  named: string | null | undefined,
  said: Call | null,
  ofApp: string | undefined,
): Pick<Call, 'tenantId' | 'tenantIsDefault'> {
  const tenantId = named ?? (named === undefined && !said?.tenantIsDefault ? said?.tenantId : null);
  if (tenantId != null) return { tenantId, tenantIsDefault: false };
  return { tenantId: ofApp ?? said?.tenantId ?? '', tenantIsDefault: true };
}

/** Whether Graph is asked for the call with other credentials, or in another tenant. */
function isElsewhere(a: Pick<Call, 'app' | 'tenantId'>, b: Pick<Call, 'app' | 'tenantId'>) {
  return a.app !== b.app || a.tenantId !== b.tenantId;
}

/**
 * The call as it is remembered once the bot has it stopped. To stop is a word as
 * new as to track: it counts against every registration made before it, also
 * against one that is not known here.
 *
 * @param last the call that is known; null: none is, and a tombstone is left
 * @param said `resultInfo` of Graph; `reach`: the apps whose calls the sender may stop; `before`:
 *   the registration of the last word on the call
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
