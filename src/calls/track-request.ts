import { isWithin, type VisibleApps } from './principal.ts';
import type { BotField, Tracking } from './record.ts';

type BotFields = { readonly [Field in BotField]?: Tracking[Field] | null | undefined };

/** An absent field stays as it was; null resets it to its default. Instants in epoch ms. */
export interface TrackRequest extends BotFields {
  /** Canonical; see `parseCallId`. */
  readonly id: string;
  readonly app?: string | null | undefined;
  readonly tenantId?: string | null | undefined;
}

/** A well-formed request that is refused. */
export interface Invalid {
  readonly kind: 'invalid';
  readonly field: keyof TrackRequest;
  readonly message: string;
}

export interface ConfiguredApps {
  /** The configured apps by name, with the default tenant of their calls. */
  readonly apps: ReadonlyMap<string, { readonly tenantId: string }>;
  readonly defaultApp: string;
}

export interface TrackContext extends ConfiguredApps {
  readonly now: number;
  /** See `SettledClock`. */
  readonly settledNow: number;
  /** Why a webhook may not be used for the calls of an app, or null. */
  readonly webhookFault?: ((url: string, app: string) => string | null) | undefined;
}

/** A bot's clock may be this far ahead of ours before `startedAt` counts as a mistake. */
const CLOCK_SKEW_MS = 5 * 60_000;

/**
 * A fault of the request that does not depend on the call. @param visibleApps the message names only
 * these apps
 */
export function faultOf(
  request: TrackRequest,
  context: TrackContext,
  visibleApps: VisibleApps = null,
): Invalid | null {
  const { now, settledNow, defaultApp } = context;
  const { app, startedAt = null, trackUntil = null } = request;
  const unknown = faultOfApp(app ?? defaultApp, context, visibleApps);
  if (unknown) return unknown;
  if (startedAt !== null && startedAt > now + CLOCK_SKEW_MS) {
    return invalid('startedAt', 'must not lie in the future');
  }
  if (trackUntil !== null && trackUntil <= settledNow) {
    return invalid('trackUntil', 'must lie in the future');
  }
  return null;
}

/**
 * The fault if no app of this name is configured.
 *
 * @param visibleApps the message names only these apps
 */
export function faultOfApp(
  app: string,
  { apps }: Pick<ConfiguredApps, 'apps'>,
  visibleApps: VisibleApps = null,
): Invalid | null {
  if (apps.has(app)) return null;
  const names = [...apps.keys()].filter((name) => isWithin(visibleApps, name)).join(', ');
  return invalid('app', `no app of this name is configured; known are ${names}`);
}

/**
 * The fault if the app may not use the webhook. Checked if the request names a webhook, or moves
 * the call to another app.
 *
 * @param last the call's tracking before the request, if it is tracked
 */
export function faultOfWebhook(
  request: TrackRequest,
  next: Tracking,
  last: Tracking | null,
  { webhookFault }: TrackContext,
): Invalid | null {
  if (next.webhookUrl === null || (request.webhookUrl == null && next.app === last?.app)) {
    return null;
  }
  const fault = webhookFault?.(next.webhookUrl, next.app) ?? null;
  return fault === null ? null : invalid('webhookUrl', fault);
}

function invalid(field: keyof TrackRequest, message: string): Invalid {
  return { kind: 'invalid', field, message };
}
