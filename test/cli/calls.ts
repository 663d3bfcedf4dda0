import type { Call } from '../../src/client/index.ts';

export const NOW = Date.parse('2026-02-03T04:06:05.000Z');

/** A call with 43m55s left. */
export function aCall(over: Partial<Call> = {}): Call {
  return {
    id: '2e1a0b00-2db4-4022-9570-243709c565ab',
    state: 'tracked',
    durable: true,
    app: 'default',
    tenantId: '11111111-1111-4111-8111-111111111111',
    labels: {},
    webhookUrl: null,
    owner: null,
    trackedAt: '2026-02-03T04:00:00.000Z',
    startedAt: null,
    trackUntil: null,
    renewedAt: '2026-02-03T04:05:00.000Z',
    dueAt: '2026-02-03T04:20:00.000Z',
    deadlineAt: '2026-02-03T04:50:00.000Z',
    consecutiveFailures: 0,
    atRiskAt: null,
    lastError: null,
    ...over,
  };
}

export function failing(call: Call, error: Partial<NonNullable<Call['lastError']>> = {}): Call {
  const lastError = {
    at: '2026-02-03T04:06:00.000Z',
    status: 500,
    code: 'InternalServerError',
    message: 'Try again',
    requestId: null,
    clientRequestId: null,
    diagnostic: null,
    date: null,
    ...error,
  };
  return { ...call, consecutiveFailures: 2, lastError };
}

/**
 * The longest id, app, owner and labels that the API accepts, in characters that are two columns
 * wide.
 */
export const LONGEST = aCall({
  id: 'i'.repeat(128),
  app: 'a'.repeat(64),
  owner: 'o'.repeat(128),
  labels: Object.fromEntries(
    Array.from({ length: 16 }, (_, i) => [`${i}${'k'.repeat(60)}`, '会'.repeat(256)]),
  ),
});
