import { type Call, forget, type GoneCall, isGone, type ResultInfo, tombstone } from './call.ts';
import type { Random } from './ports.ts';
import { isWithin, type Reach } from './principal.ts';
import type { RetryPolicy } from './retry.ts';

/** What a bot says of a call when it has it tracked. Instants in epoch ms. */
export interface TrackRequest {
  /** Canonical; see `parseCallId`. */
  readonly id: string;
  readonly app?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly startedAt?: number | undefined;
  readonly trackUntil?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly webhookUrl?: string | undefined;
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
  readonly random: Random;
  /** Why a webhook may not be told, or null. */
  readonly webhookFault?: (url: string, app: string) => string | null;
  readonly policy: RetryPolicy;
}

/** A bot's clock may be this far ahead of ours before `startedAt` counts as a mistake. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** @param reach of the apps only these are named */
export function faultOf(
  request: TrackRequest,
  context: RegistrationContext,
  reach: Reach = null,
): Invalid | null {
  const { now, apps, defaultApp } = context;
  if (!apps.has(request.app ?? defaultApp)) {
    const names = [...apps.keys()].filter((name) => isWithin(reach, name)).join(', ');
    return invalid('app', `no app of this name is configured; there is ${names}`);
  }
  if (request.startedAt !== undefined && request.startedAt > now + CLOCK_SKEW_MS) {
    return invalid('startedAt', 'must not lie in the future');
  }
  if (request.trackUntil !== undefined && request.trackUntil <= now) {
    return invalid('trackUntil', 'must lie in the future');
  }
  if (request.webhookUrl !== undefined) {
    const fault = context.webhookFault?.(request.webhookUrl, request.app ?? defaultApp) ?? null;
    if (fault !== null) return invalid('webhookUrl', fault);
  }
  return null;
}

/**
 * The call as it is tracked from now on. One that is tracked keeps its renewals
 * and since when it is tracked; everything else is as asked now.
 *
 * @param last what is known of the call, also if it has left the schedule
 */
export function register(
  request: TrackRequest,
  last: Call | GoneCall | null,
  context: RegistrationContext,
): Call {
  const { now, random, apps, defaultApp, policy } = context;
  const app = request.app ?? defaultApp;
  const known = last === null || isGone(last) ? null : last;
  return {
    id: request.id,
    app,
    tenantId: request.tenantId ?? apps.get(app)?.tenantId ?? '',
    labels: request.labels ?? {},
    webhookUrl: request.webhookUrl ?? null,
    registration: newRegistration(now, random, last?.registration),
    trackedAt: known?.trackedAt ?? now,
    startedAt: request.startedAt ?? known?.startedAt ?? null,
    trackUntil: request.trackUntil ?? null,
    renewedAt: known?.renewedAt ?? null,
    retryAt: known ? known.retryAt : now + policy.firstMs,
    consecutiveFailures: known?.consecutiveFailures ?? 0,
    atRiskAt: known?.atRiskAt ?? null,
    lastError: known?.lastError ?? null,
  };
}

/**
 * The call as it is remembered once the bot has it stopped. To stop is a word as
 * new as to track: it counts against every registration made before it, also
 * against one that is not known here.
 *
 * @param resultInfo what Graph said of its end, if it did
 */
export function unregister(
  id: string,
  last: Call | GoneCall | null,
  { now, random }: Pick<RegistrationContext, 'now' | 'random'>,
  resultInfo: ResultInfo | null = null,
): GoneCall {
  const registration = newRegistration(now, random, last?.registration);
  if (last === null) return { ...tombstone(id, registration, now), resultInfo };
  const gone = isGone(last) ? last : forget(last, 'untracked', now);
  return { ...gone, registration, resultInfo: resultInfo ?? gone.resultInfo };
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
