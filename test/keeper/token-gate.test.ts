import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import type { Outcome } from '../../src/calls/outcome.ts';
import { aCall, anError, aWorld, idle, MINUTE, NOW, SECOND } from '../calls/fixture.ts';

const MADE_UP = '99999999-9999-4999-8999-999999999999';
const BUSY = 'aaaaaaaa-9999-4999-8999-999999999999';

const unknownTenant: Outcome = {
  kind: 'refused',
  sentAt: null,
  error: anError({ status: null, code: 'token' }),
};

/** Entra knows all tenants but those; each answer takes a while. */
function entra(isKnown: (tenantId: string) => boolean, tookMs: (call: Call) => number) {
  const world = aWorld();
  const { graph, clock } = world;
  const held = new Set<string>();
  const asked: string[] = [];
  graph.hasToken = ({ tenantId }) => held.has(tenantId);
  graph.token = async (call) => {
    asked.push(call.tenantId);
    await clock.sleep(tookMs(call));
    if (!isKnown(call.tenantId)) return unknownTenant;
    held.add(call.tenantId);
    return null;
  };
  return { ...world, held, asked };
}

const calls = (count: number, more: Partial<Call> = {}) =>
  Array.from({ length: count }, (_, i) =>
    aCall({
      id: `call-${i + 1}`,
      trackedAt: NOW - 20 * MINUTE,
      renewedAt: NOW - 15 * MINUTE,
      ...more,
    }),
  );

describe('the token gate', () => {
  test('asks for the token that its calls wait for, though the first of them moves to another tenant', async () => {
    const isKnown = (tenantId: string) => tenantId !== MADE_UP;
    const world = entra(isKnown, ({ tenantId }) => (tenantId === BUSY ? 10 * SECOND : 0));
    const { keeper, store, graph, clock } = world;
    const [busy] = calls(1, { id: 'busy-0001', tenantId: BUSY }) as [Call];
    const waiting = calls(3);
    store.put(busy, ...waiting);
    keeper.keep([busy]);
    await idle();
    keeper.keep(waiting);
    const moved = { ...(waiting[0] as Call), tenantId: MADE_UP, registration: 'r2' };
    store.put(moved);
    keeper.keep([moved]);
    await clock.advance(60 * SECOND);
    expect(graph.ids.toSorted()).toEqual(['busy-0001', 'call-2', 'call-3']);
    expect(store.get('call-1')?.lastError?.code).toBe('token');
  });
});
