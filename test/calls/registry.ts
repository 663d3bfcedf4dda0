import type { Call } from '../../src/calls/call.ts';
import { Calls, type CallsDeps } from '../../src/calls/calls.ts';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import {
  aVisitorOf,
  FakeClock,
  MemoryStore,
  POLICY,
  renewed,
  TENANT,
  Told,
  WHEEL,
} from './fixture.ts';

export const ID = 'call-0001';
export const SECOND_TENANT = '22222222-2222-4222-8222-222222222222';

/** The registry that the replicas share, and this replica's own. */
export function aRegistry(over: Partial<CallsDeps> = {}) {
  const clock = new FakeClock();
  const told = new Told();
  const keeping = () => {
    const { store, graph, visitor } = aVisitorOf(new MemoryStore(), { clock, observer: told });
    const asked: string[][] = [];
    const first = {
      request: async (calls: readonly Call[]) => void asked.push(calls.map(({ id }) => id)),
    };
    return { store, graph, visitor, asked, first, observer: told };
  };
  const shared = keeping();
  const own = keeping();
  const calls = new Calls({
    shared,
    own,
    isUnsaved: () => false,
    clock,
    random: () => 0.5,
    configured: () => ({
      apps: new Map([
        ['default', { tenantId: TENANT }],
        ['second', { tenantId: SECOND_TENANT }],
      ]),
      defaultApp: 'default',
    }),
    reach: null,
    wheel: WHEEL,
    policy: POLICY,
    ...over,
  });
  shared.graph.answer = (_, at) => renewed(at);
  return { calls, clock, told, shared, own, store: shared.store, graph: shared.graph };
}

export function out(store: MemoryStore): void {
  store.before = () => {
    throw new StoreUnavailableError('out');
  };
}
