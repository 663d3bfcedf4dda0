import { entraCodeIn } from './fixes.ts';
import type { CallError } from './record.ts';

/** A call that fails, as the replica knows it that made its last attempt. */
export interface FailingCall {
  readonly app: string;
  readonly tenantId: string;
  readonly error: CallError;
  /** When it first failed, epoch ms. */
  readonly since: number;
  readonly deadlineAt: number;
}

/** The failing calls of one app in one tenant that fail with the same status and code. */
export interface Cause {
  readonly app: string;
  readonly tenantId: string;
  /** Of the latest failure. */
  readonly error: CallError;
  readonly calls: number;
  /** When the first of the calls began to fail, epoch ms. */
  readonly since: number;
  /** The nearest deadline of the calls, epoch ms. */
  readonly firstLossAt: number;
  /** Those that began to fail after the last success of the app; null if there are none. */
  readonly afterSuccess: { readonly calls: number; readonly since: number } | null;
}

/** Groups failing calls by what they fail with. */
export function causesOf(
  calls: Iterable<FailingCall>,
  successOf: (app: string) => number,
): Cause[] {
  return mergeCauses(
    [...calls].map(({ app, tenantId, error, since, deadlineAt: firstLossAt }) => {
      const afterSuccess = since > successOf(app) ? { calls: 1, since } : null;
      return { app, tenantId, error, calls: 1, since, firstLossAt, afterSuccess };
    }),
  );
}

/** The causes of several replicas as one list, those with the most calls first. */
export function mergeCauses(causes: readonly Cause[]): Cause[] {
  const merged = new Map<string, Cause>();
  for (const cause of causes) {
    const key = [cause.app, cause.tenantId, faultOf(cause.error)].join('\n');
    const known = merged.get(key);
    merged.set(key, known ? merge(known, cause) : cause);
  }
  return [...merged.values()].sort((a, b) => b.calls - a.calls);
}

function merge(a: Cause, b: Cause): Cause {
  return {
    ...a,
    error: b.error.at > a.error.at ? b.error : a.error,
    calls: a.calls + b.calls,
    since: Math.min(a.since, b.since),
    firstLossAt: Math.min(a.firstLossAt, b.firstLossAt),
    afterSuccess: sumOf([a.afterSuccess, b.afterSuccess]),
  };
}

/** Adds up what began to fail after the last success. */
export function sumOf(parts: readonly Cause['afterSuccess'][]): Cause['afterSuccess'] {
  const known = parts.filter((part) => part !== null);
  if (known.length === 0) return null;
  return {
    calls: known.reduce((sum, { calls }) => sum + calls, 0),
    since: known.reduce((first, { since }) => Math.min(first, since), Infinity),
  };
}

/** The same for failures that are one fault. Entra's code is in the message alone. */
export function faultOf(error: Pick<CallError, 'status' | 'code' | 'message'>): string {
  const { status, code, message } = error;
  return [status ?? '', code ?? '', code === 'token' ? (entraCodeIn(message) ?? '') : ''].join(' ');
}
