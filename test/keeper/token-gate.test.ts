import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import type { Outcome } from '../../src/calls/outcome.ts';
import { aCall, anError, aWorld, idle, idsOf, MINUTE, NOW, SECOND } from '../calls/fixture.ts';

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
      id: `call-id-${i + 1}`,
      trackedAt: NOW - 20 * MINUTE,
      renewedAt: NOW - 15 * MINUTE,
      ...more,
    }),
  );

describe('the token gate', () => {
  test('asks for the token that its calls wait for, though the first of them moves to another tenant', async () => {
    const isKnown = (tenantId: string) => tenantId !== MADE_UP;
    const world = entra(isKnown, ({ tenantId }) => (tenantId === BUSY ? 10 * SECOND : 0));
    const { keeper, put, get, graph, clock } = world;
    const [busy] = calls(1, { id: 'busy-0001', tenantId: BUSY }) as [Call];
    const waiting = calls(3);
    put(busy, ...waiting);
    keeper.keep(idsOf([busy]));
    await idle();
    keeper.keep(idsOf(waiting));
    const moved = { ...(waiting[0] as Call), tenantId: MADE_UP, registration: 'r2' };
    put(moved);
    keeper.keep(idsOf([moved]));
    await clock.advance(60 * SECOND);
    expect(graph.ids.toSorted()).toEqual(['busy-0001', 'call-id-2', 'call-id-3']);
    expect(get('call-id-1')?.lastError?.code).toBe('token');
  });

  /** Calls of as many tenants that nobody knows, all of one app. */
  const madeUp = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      aCall({ id: `made-up-${i}`, tenantId: `made-up-${i}`, trackedAt: NOW }),
    );
  const isKnown = (tenantId: string) => !tenantId.startsWith('made-up-');
  const ENTRA_MS = 175;

  test('lets a new tenant wait behind one request for each tenant that somebody made up, no more', async () => {
    const { keeper, put, graph, clock } = entra(isKnown, () => ENTRA_MS);
    const strangers = madeUp(5_000);
    const legitimate = calls(1, { renewedAt: null, trackedAt: NOW + SECOND });
    put(...strangers, ...legitimate);
    keeper.keep(idsOf(strangers));
    keeper.keep(idsOf(legitimate));
    await clock.advance((5_000 / 4) * ENTRA_MS + 20 * SECOND);
    expect(graph.ids).toEqual(['call-id-1']);
  });

  test('asks for the token of a new tenant before those of tenants that were refused', async () => {
    const { keeper, put, graph, clock, asked } = entra(isKnown, () => ENTRA_MS);
    const strangers = madeUp(2_000);
    put(...strangers);
    keeper.keep(idsOf(strangers));
    await clock.advance(2 * MINUTE);
    expect(new Set(asked).size).toBe(2_000);
    keeper.keep(idsOf(strangers)); // all want their tokens again
    const legitimate = calls(5, { renewedAt: null, trackedAt: clock.now() });
    put(...legitimate);
    keeper.keep(idsOf(legitimate));
    await clock.advance(2 * SECOND);
    expect(graph.ids).toHaveLength(5);
  });

  test('asks at once for the token of a tenant that has given one before', async () => {
    const { keeper, put, graph, clock, held, quiet } = entra(isKnown, () => ENTRA_MS);
    const known = calls(3);
    put(...known);
    keeper.keep(idsOf(known));
    await quiet();
    expect(graph.ids).toHaveLength(3);
    held.clear(); // it has expired
    const strangers = madeUp(2_000);
    put(...strangers);
    keeper.keep(idsOf(strangers));
    await clock.advance(SECOND);
    keeper.keep(idsOf(known));
    await clock.advance(SECOND);
    expect(graph.ids).toHaveLength(6);
  });

  test('asks sooner for the token of a tenant when a call joins that is nearer to its deadline', async () => {
    const { keeper, put, graph, clock } = entra(isKnown, () => ENTRA_MS);
    const strangers = madeUp(2_000);
    const patient = calls(1, { renewedAt: null, trackedAt: NOW + MINUTE });
    const urgent = calls(1, { id: 'urgent-1', renewedAt: NOW - 44 * MINUTE });
    put(...strangers, ...patient, ...urgent);
    keeper.keep(idsOf(strangers));
    keeper.keep(idsOf(patient));
    keeper.keep(idsOf(urgent));
    await clock.advance(3 * SECOND);
    expect(graph.ids.toSorted()).toEqual(['call-id-1', 'urgent-1']);
  });
});
