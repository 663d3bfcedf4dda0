import type { Call } from './call.ts';
import { isWithin, type VisibleApps } from './principal.ts';
import { isOfAnotherTenant } from './record-changes.ts';

/** The call belongs, or would belong, to an app that the client may not touch. */
export interface Forbidden {
  readonly kind: 'forbidden';
  readonly message: string;
}

export function forbidden(message: string): Forbidden {
  return { kind: 'forbidden', message };
}

export function forbiddenApp(visibleApps: VisibleApps, app: string): Forbidden | null {
  if (isWithin(visibleApps, app)) return null;
  return forbidden(`the key has no access to calls of the app ${app}`);
}

/** Why a notification about a call is ignored; null: it counts. */
export function whyIgnored(
  visibleApps: VisibleApps,
  call: Call,
  tenantId: string | null,
): 'other_app' | 'other_tenant' | null {
  if (!isWithin(visibleApps, call.app)) return 'other_app';
  return isOfAnotherTenant(call, tenantId) ? 'other_tenant' : null;
}
