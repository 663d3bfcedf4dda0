import type { Call } from '../../src/calls/call.ts';
import { Calls, type CallsDeps } from '../../src/calls/calls.ts';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { aKeeperOf, FakeClock, MemoryStore, POLICY, TENANT, Told, WHEEL } from './fixture.ts';

export const ID = 'call-0001';
export const SECOND_TENANT = '22222222-2222-4222-8222-222222222222';

/** The registry that the replicas share, and this replica's own. */
export function aRegistry(over: Partial<CallsDeps> = {}) {
  const clock = new FakeClock();
  const told = new Told();
  const [store, own] = [new MemoryStore(), new MemoryStore()];
  const latest = ({ id }: Call) => store.calls.get(id) ?? own.calls.get(id);
  const kept = aKeeperOf(store, { clock, told, local: own, latest });
  const asked: string[][] = [];
  const planned: string[] = [];
  const keeper: CallsDeps['keeper'] = {
    keep: (calls) => {
      const ids = [...calls].map(({ id }) => id);
      if (ids.length > 0) asked.push(ids);
    },
    plan: (calls) => void planned.push(...[...calls].map(({ id }) => id)),
    keepNow: (call) => kept.keeper.keepNow(call),
  };
  const calls = new Calls({
    shared: { store, observer: told },
    own: { store: own, observer: told },
    keeper,
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
  return { calls, clock, told, asked, planned, store, own, graph: kept.graph };
}

export function out(store: MemoryStore): void {
  store.before = () => {
    throw new StoreUnavailableError('out');
  };
}
