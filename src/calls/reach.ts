import { type Call, type GoneCall, isGone, isTombstone } from './call.ts';
import type { Notice } from './notice.ts';
import { isWithin, type Reach } from './principal.ts';
import { isOfAnotherTenant } from './words.ts';

/** The call belongs, or would belong, to an app that the client may not touch. */
export interface Forbidden {
  readonly kind: 'forbidden';
  readonly message: string;
}

export function forbidden(message: string): Forbidden {
  return { kind: 'forbidden', message };
}

export function beyondReach(reach: Reach, app: string): Forbidden | null {
  if (isWithin(reach, app)) return null;
  return forbidden(`calls of the app ${app} are not within the reach of this key`);
}

/** Whether the record can only be about calls beyond reach. */
export function isOthers(reach: Reach, call: Call | GoneCall | null): boolean {
  if (call === null) return false;
  if (!isGone(call) || !isTombstone(call)) return !isWithin(reach, call.app);
  return call.onlyApps !== undefined && !call.onlyApps.some((app) => isWithin(reach, app));
}

/** Why a notification about a call does not count; null if it does. A tombstone is no call. */
export function passedOver(
  reach: Reach,
  call: Call | GoneCall | null,
  { tenantId }: Pick<Notice, 'tenantId'>,
): 'other_app' | 'other_tenant' | null {
  if (call === null || (isGone(call) && isTombstone(call))) return null;
  if (isOthers(reach, call)) return 'other_app';
  return isOfAnotherTenant(call, tenantId) ? 'other_tenant' : null;
}
