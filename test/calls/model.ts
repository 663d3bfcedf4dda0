import fc from 'fast-check';
import { expect } from 'vitest';
import type { GoneCall } from '../../src/calls/call.ts';
import { deadlineAt } from '../../src/calls/deadline.ts';
import { decideAndWrite } from '../../src/calls/optimistic.ts';
import {
  type CallStore,
  type Change,
  StoreUnavailableError,
  type WriteResult,
} from '../../src/calls/ports.ts';
import { register, unregister } from '../../src/calls/registration.ts';
import { slotOf, turnAtOrBefore } from '../../src/calls/wheel.ts';
import {
  aKeeperOf,
  DEADLINE_MS,
  ended,
  failed,
  idIn,
  MINUTE,
  NEVER,
  POLICY,
  refused,
  renewed,
  TENANT,
  throttled,
  WHEEL,
} from './fixture.ts';

/** All in one slot but one, so that visits meet what the bot does. */
const IDS = [idIn(0, 0), idIn(0, 1), idIn(0, 2), idIn(1, 0)];

type Reply = 'renewed' | 'ended' | 'failed' | 'refused' | 'throttled';
/** How a visit ends: in order; its replica dies before it writes, or before it hears that it was written. */
type Fate = 'written' | 'dies-before' | 'dies-after';
export type Step =
  | { do: 'track' | 'untrack'; id: string }
  | { do: 'pass'; ms: number }
  | { do: 'visit'; slot: number; replies: Reply[]; meanwhile: Step[]; fate: Fate };

const anId = fc.constantFrom(...IDS);
const aBotsStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('track' as const, 'untrack' as const),
  id: anId,
});
const aPause = (max: number): fc.Arbitrary<Step> =>
  fc.record({ do: fc.constant('pass' as const), ms: fc.nat({ max }) });
const aVisit = (meanwhile: fc.Arbitrary<Step>): fc.Arbitrary<Step> =>
  fc.record({
    do: fc.constant('visit' as const),
    slot: fc.constantFrom(0, 0, 0, 1),
    replies: fc.array(
      fc.constantFrom<Reply>('renewed', 'renewed', 'ended', 'failed', 'refused', 'throttled'),
      { minLength: 1, maxLength: 4 },
    ),
    meanwhile: fc.array(meanwhile, { maxLength: 4 }),
    fate: fc.constantFrom<Fate>('written', 'written', 'dies-before', 'dies-after'),
  });
/** What happens while a visit waits for Graph: the bot acts, and another replica visits as well. */
const meanwhile = fc.oneof(aBotsStep, aPause(5_000), aVisit(fc.oneof(aBotsStep, aPause(5_000))));
export const steps = fc.array(
  fc.oneof(
    { arbitrary: aBotsStep, weight: 1 },
    { arbitrary: aPause(20 * MINUTE), weight: 1 },
    { arbitrary: aVisit(meanwhile), weight: 3 },
  ),
  { maxLength: 25 },
);

/** A store whose visitor may die: from then on nothing of what it does arrives. */
class Mortal implements CallStore {
  readonly #store: CallStore;
  fate: Fate = 'written';

  constructor(store: CallStore) {
    this.#store = store;
  }

  readSlot = (slot: number) => this.#store.readSlot(slot);
  find = (ids: readonly string[]) => this.#store.find(ids);
  findGone = (ids: readonly string[]) => this.#store.findGone(ids);
  stopUnknown = (tombstone: GoneCall) => this.#store.stopUnknown(tombstone);
  readGone = (slot: number) => this.#store.readGone(slot);
  forgetGone = (slot: number, before: number) => this.#store.forgetGone(slot, before);

  async write(changes: readonly Change[]): Promise<WriteResult[]> {
    if (this.fate === 'dies-before') throw new StoreUnavailableError('died before it wrote');
    const results = await this.#store.write(changes);
    if (this.fate === 'dies-after') throw new StoreUnavailableError('died after it wrote');
    return results;
  }
}

/**
 * Takes the steps on a store and on a model of it, which is no more than: what
 * the bot said last of each call, and which registrations Graph has ended.
 */
export async function holdsToModel(store: CallStore, taken: readonly Step[]): Promise<void> {
  const { clock } = aKeeperOf(store);
  /** The registration that the bot made last; absent where its last word was to stop. */
  const wanted = new Map<string, string>();
  /** When the latest request was sent that Graph answered so. */
  const endedByGraph = new Map<string, number>();
  const renewals = new Map<string, number>();

  const context = () => ({
    now: clock.now(),
    settledNow: clock.settledNow(),
    random: Math.random,
    apps: new Map([['default', { tenantId: TENANT }]]),
    defaultApp: 'default',
    policy: POLICY,
  });

  const track = async (id: string) => {
    const [entry = null] = await store.find([id]);
    const next = register({ id }, entry?.call ?? null, context());
    await decideAndWrite(store, [{ id, entry }], () => ({ next, tell: 'tracked' }));
    wanted.set(id, next.registration);
    if (entry === null) renewals.delete(id);
  };

  const untrack = async (id: string) => {
    const [entry = null] = await store.find([id]);
    await decideAndWrite(
      store,
      [{ id, entry }],
      (current) => current && { gone: unregister(id, current.call, context()) },
    );
    wanted.delete(id);
  };

  const visit = async ({ slot, replies, meanwhile, fate }: Step & { do: 'visit' }) => {
    const mortal = new Mortal(store);
    let sent = 0;
    const once = Promise.withResolvers<void>();
    const { visitor, keeper, quiet } = aKeeperOf(mortal, {
      clock,
      sender: {
        ready: () => true,
        prepare: () => Promise.resolve(null),
        send: async (call) => {
          const sentAt = clock.now();
          const reply = replies[sent % replies.length];
          if (sent++ === 0) {
            for (const step of meanwhile) await take(step);
            mortal.fate = fate;
            once.resolve();
          }
          await once.promise;
          if (reply === 'ended') {
            endedByGraph.set(
              call.registration,
              Math.max(sentAt, endedByGraph.get(call.registration) ?? 0),
            );
          }
          if (reply === 'renewed' && fate === 'written') {
            renewals.set(call.id, Math.max(sentAt, renewals.get(call.id) ?? 0));
          }
          if (reply === 'ended') return ended(sentAt);
          if (reply === 'throttled') return throttled(sentAt, 30_000);
          if (reply === 'refused') return refused(sentAt);
          return reply === 'failed' ? failed(sentAt) : renewed(sentAt);
        },
      },
    });
    const turnAt = turnAtOrBefore(slot, clock.now(), WHEEL);
    await visitor.visitSlot(slot, turnAt, NEVER).catch((error: unknown) => {
      if (!(error instanceof StoreUnavailableError) || fate === 'written') throw error;
    });
    await quiet();
    keeper.close();
  };

  async function take(step: Step): Promise<void> {
    if (step.do === 'visit') await visit(step);
    else if (step.do === 'pass') clock.set(clock.now() + step.ms);
    else if (step.do === 'track') await track(step.id);
    else await untrack(step.id);
  }

  const check = async () => {
    for (const id of IDS) {
      const [entry = null] = await store.find([id]);
      const registration = wanted.get(id);
      if (entry !== null) {
        expect(
          registration,
          `${id} was stopped: it must not be raised from the dead`,
        ).toBeDefined();
        expect(entry.call.registration).toBe(registration);
        const renewedAt = renewals.get(id);
        if (renewedAt !== undefined)
          expect(entry.call.renewedAt ?? 0).toBeGreaterThanOrEqual(renewedAt);
      } else if (registration !== undefined) {
        const [gone] = await store.findGone([id]);
        expect(gone?.registration, `${id} is tracked: it must not be forgotten`).toBe(registration);
        if (gone?.removal === 'ended') {
          const endedAt = endedByGraph.get(registration);
          expect(endedAt, 'only Graph ends a call').toBeDefined();
          expect(endedAt).toBeGreaterThanOrEqual(renewals.get(id) ?? 0);
        }
        if (gone?.removal !== 'ended') expect(gone?.removal).toBe('expired');
        if (gone?.removal === 'expired') {
          expect(gone.goneAt).toBeGreaterThanOrEqual(deadlineAt(gone, DEADLINE_MS));
        }
        wanted.delete(id); // Graph's last word
      }
    }
  };

  for (const id of IDS) await track(id);
  for (const step of taken) {
    await take(step);
    await check();
  }

  // In the end a quiet turn of the wheel renews whatever is still wanted.
  const endAt = clock.now() + 2 * WHEEL.intervalMs;
  clock.set(endAt);
  for (const slot of [0, 1]) {
    await visit({ do: 'visit', slot, replies: ['renewed'], meanwhile: [], fate: 'written' });
  }
  for (const id of IDS) {
    const [entry] = await store.find([id]);
    expect(entry?.call.registration).toBe(wanted.get(id));
    if (entry) {
      expect(entry.call.renewedAt).toBeGreaterThanOrEqual(
        turnAtOrBefore(slotOf(id, WHEEL), endAt, WHEEL),
      );
    }
  }
}
