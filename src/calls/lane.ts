import type { Call } from './call.ts';

/** What shares a token shares its fate: an app in a tenant. */
export function laneOf(call: Call): string {
  return `${call.app}/${call.tenantId}`;
}
