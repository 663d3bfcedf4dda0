import type { CallError, Reason } from '../calls/record.ts';
import { entraCodeIn } from './fixes.ts';

export interface FailingCall {
  readonly app: string;
  readonly tenantId: string;
  readonly error: CallError;
  readonly since: number;
  readonly deadlineAt: number;
}

/** The failing calls of one app in one tenant that fail with the same status and code. */
export interface FailureCause {
  readonly app: string;
  readonly tenantId: string;
  /** Of the latest failure. */
  readonly error: Reason & Pick<CallError, 'at'>;
  readonly calls: number;
  /** When the first of the calls began to fail, epoch ms. */
  readonly since: number;
  readonly firstLossAt: number;
  /** Those that began to fail after the last success of the app; null if there are none. */
  readonly afterSuccess: { readonly calls: number; readonly since: number } | null;
}

/** Groups failing calls by cause, one by one, so that the caller can pause. */
export class CauseGroups {
  readonly #groups = new Map<string, FailureCause>();

  addCall({ app, tenantId, error, since, deadlineAt }: FailingCall, succeededAt: number): void {
    const afterSuccess = since > succeededAt ? { calls: 1, since } : null;
    this.add({ app, tenantId, error, calls: 1, since, firstLossAt: deadlineAt, afterSuccess });
  }

  add(cause: FailureCause): void {
    const key = [cause.app, cause.tenantId, faultOf(cause.error)].join('\n');
    const known = this.#groups.get(key);
    this.#groups.set(key, known ? merge(known, cause) : cause);
  }

  /** Those with the most calls first. */
  get sorted(): FailureCause[] {
    return [...this.#groups.values()].sort((a, b) => b.calls - a.calls);
  }
}

/** The causes of several replicas, those with the most calls first. */
export function mergeCauses(causes: readonly FailureCause[]): FailureCause[] {
  const groups = new CauseGroups();
  for (const cause of causes) groups.add(cause);
  return groups.sorted;
}

function merge(a: FailureCause, b: FailureCause): FailureCause {
  return {
    ...a,
    error: b.error.at > a.error.at ? b.error : a.error,
    calls: a.calls + b.calls,
    since: Math.min(a.since, b.since),
    firstLossAt: Math.min(a.firstLossAt, b.firstLossAt),
    afterSuccess: sumOf([a.afterSuccess, b.afterSuccess]),
  };
}

export function sumOf(
  parts: readonly FailureCause['afterSuccess'][],
): FailureCause['afterSuccess'] {
  const known = parts.filter((part) => part !== null);
  if (known.length === 0) return null;
  return {
    calls: known.reduce((sum, { calls }) => sum + calls, 0),
    since: known.reduce((first, { since }) => Math.min(first, since), Infinity),
  };
}

/**
 * Equal for failures of the same fault. Entra's code is only in the message. Without a token the
 * fault is Entra's, whether Graph refused the last token (401) or there was none to send.
 */
export function faultOf({ status, code, message }: Reason): string {
  if (code === 'token') return `token ${entraCodeIn(message) ?? ''}`;
  return `${status ?? ''} ${code ?? ''}`;
}
