import type { Call } from '../calls/call.ts';

/** Calls that share a token fail together: those of an app in a tenant. */
export function laneOf(call: Call): string {
  return `${call.app}/${call.tenantId}`;
}
