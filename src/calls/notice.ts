import type { ResultInfo } from './call.ts';

/** What Graph has notified a bot of one of its calls. */
export type Notice =
  | { readonly kind: 'established'; readonly id: string; readonly tenantId: string | null }
  | {
      readonly kind: 'over';
      readonly id: string;
      readonly tenantId: string | null;
      readonly resultInfo: ResultInfo | null;
    };

/**
 * Whether Graph ended the call because no keepAlive came in time: 408 with
 * subcode 8537, "Keep Alive timeout, cleaned up inactive call" (Microsoft Learn,
 * "Delete call", list of call end reasons).
 */
export function isKeepAliveTimeout(resultInfo: ResultInfo | null): boolean {
  return resultInfo?.code === 408 && resultInfo.subcode === 8537;
}
