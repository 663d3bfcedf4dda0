import type { Call, RemovedCall } from '../../src/calls/call.ts';
import { Calls, type CallsDeps } from '../../src/calls/calls.ts';
import { encodeRecord } from '../../src/store/record-codec.ts';
import { aWorld, recordOf, TENANT } from './fixture.ts';

export const ID = 'call-0001';
export const SECOND_TENANT = '22222222-2222-4222-8222-222222222222';

/** `Calls` over a fake Redis, and what it requests of the keeper. */
export function someCalls(over: Partial<CallsDeps> = {}) {
  const world = aWorld();
  const { registry, clock, told, redis } = world;
  const asked: string[][] = [];
  const planned: string[] = [];
  const keeper: CallsDeps['keeper'] = {
    keep: (ids) => {
      const some = [...ids];
      if (some.length > 0) asked.push(some);
    },
    plan: (calls) => void planned.push(...[...calls].map(([id]) => id)),
    keepNow: (id) => world.keeper.keepNow(id),
  };
  const calls = new Calls({
    registry,
    observer: told,
    keeper,
    clock,
    random: () => 0.5,
    currentApps: () => ({
      apps: new Map([
        ['default', { tenantId: TENANT }],
        ['second', { tenantId: SECOND_TENANT }],
      ]),
      defaultApp: 'default',
    }),
    visibleApps: null,
    slots: world.wheel.slots,
    ...over,
  });
  /** Another replica writes the call to Redis right before our next write. */
  const putAtWrite = (call: Call | RemovedCall) => {
    redis.before = (operation) => {
      if (operation !== 'write') return;
      redis.before = () => undefined;
      redis.texts.set(call.id, encodeRecord(recordOf(call)));
    };
  };
  return { ...world, calls, asked, planned, putAtWrite };
}
