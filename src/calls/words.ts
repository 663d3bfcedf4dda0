import type { Call } from './call.ts';

/** Whether Graph names a tenant other than the call's. A default tenant matches any. */
export function isOfAnotherTenant(call: Call, tenantId: string | null): boolean {
  if (tenantId === null || call.tenantIsDefault) return false;
  return call.tenantId.toLowerCase() !== tenantId;
}

/**
 * The call in the tenant that Graph names, if nobody has named one before; otherwise the call
 * itself. It keeps its registration, because the tenant comes from Graph and not from the bot: a
 * stop that is under way elsewhere must still win.
 */
export function inTenant<C extends Call>(call: C, tenantId: string | null): C {
  if (tenantId === null || !call.tenantIsDefault) return call;
  const isSame = call.tenantId.toLowerCase() === tenantId;
  return { ...call, tenantId, tenantIsDefault: false, retryAt: isSame ? call.retryAt : null };
}

const WORDS = ['app', 'tenantId', 'webhookUrl', 'startedAt', 'trackUntil'] as const;

/** Whether two records of a call look the same to API clients. */
export function saysTheSame(a: Call, b: Call): boolean {
  return WORDS.every((word) => a[word] === b[word]) && haveSameLabels(a, b);
}

function haveSameLabels({ labels }: Call, other: Call): boolean {
  const pairs = Object.entries(labels);
  if (pairs.length !== Object.keys(other.labels).length) return false;
  return pairs.every(
    ([key, value]) => Object.hasOwn(other.labels, key) && other.labels[key] === value,
  );
}
