import type { ResultInfo } from './record.ts';

export type Notice =
  | { readonly kind: 'established'; readonly id: string; readonly tenantId: string | null }
  | {
      readonly kind: 'over';
      readonly id: string;
      readonly tenantId: string | null;
      readonly resultInfo: ResultInfo | null;
    };

/**
 * The result of a notification. `ignored`: it is not about a call itself, or changed nothing;
 * `other_tenant`, `other_app`: it is about a tracked call, but names a tenant other than the
 * call's, or was sent for another app.
 */
export type NoticeFate =
  | 'tracked'
  | 'updated'
  | 'stopped'
  | 'ignored'
  | 'other_tenant'
  | 'other_app';

/**
 * Whether Graph ended the call because no keepAlive came in time: 408 with subcode 8537, "Keep
 * Alive timeout, cleaned up inactive call" (Microsoft Learn, "Delete call", list of call end
 * reasons).
 */
export function isKeepAliveTimeout(resultInfo: ResultInfo | null): boolean {
  return resultInfo?.code === 408 && resultInfo.subcode === 8537;
}
