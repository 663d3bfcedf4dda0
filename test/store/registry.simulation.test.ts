import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { ALL_APPS, emptyRecord, stateOf } from '../../src/calls/record.ts';
import { LocalRegistry } from '../../src/store/local-registry.ts';
import { decodeRecord } from '../../src/store/record-codec.ts';
import { CALLS } from '../../src/store/record-kind.ts';
import { Registry } from '../../src/store/registry.ts';
import type { SharedRegistry, Write } from '../../src/store/shared-registry.ts';

/*
 * Three replicas with the real registries, and a Redis that goes away, comes back empty or old,
 * and applies half a write before it dies. Events reach the replicas late, twice, out of order
 * or not at all. The bot tracks and stops calls at any replica; Graph renews or ends them.
 * At the end everybody can reach everybody: then all must agree with what the bot and Graph said.
 */

const DEADLINE_MS = 2_700_000;
const IDS = ['call-0001', 'call-0002', 'call-0003'];
const REPLICAS = 3;

const replica = fc.nat({ max: REPLICAS - 1 });
const anId = fc.constantFrom(...IDS);
const aStep = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('track' as const), replica, id: anId }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('stop' as const), replica, id: anId }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('renew' as const), replica, id: anId }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hang-up' as const), id: anId }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('give-up' as const), replica, id: anId }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('sync' as const), replica, slot: fc.nat({ max: 1 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const), replica }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('join' as const), replica }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('away', 'back', 'back-empty', 'save', 'back-old'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('die-after' as const), writes: fc.nat({ max: 2 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('deliver' as const),
      replica,
      event: fc.nat({ max: 40 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat({ max: 1e6 }) }),
  },
);
/** Steps that overlap. */
const aGroup = fc.array(aStep, { minLength: 1, maxLength: 4 });
type Step = typeof aStep extends fc.Arbitrary<infer S> ? S : never;

/** Redis, as far as the registry sees it. */
class FakeRedis {
  texts = new Map<string, string>();
  saved = new Map<string, string>();
  readonly events: { id: string; text: string }[] = [];
  /** What was published of each call last. */
  readonly published = new Map<string, string>();
  isAway = false;
  readonly scheduler: fc.Scheduler;
  /** It dies after so many more writes. */
  diesAfter = Number.POSITIVE_INFINITY;

  constructor(scheduler: fc.Scheduler) {
    this.scheduler = scheduler;
  }

  connection(isCut: () => boolean): SharedRegistry {
    const assertThere = () => {
      if (this.isAway || isCut()) throw new StoreUnavailableError('away');
    };
    /** The request takes a while on its way, and so does the answer, which may get lost. */
    const answer = async <T>(act: () => T): Promise<T> => {
      await this.scheduler.schedule(Promise.resolve());
      assertThere();
      const result = act();
      await this.scheduler.schedule(Promise.resolve());
      assertThere();
      return result;
    };
    return {
      readSlot: (slot) => answer(() => this.#in(slot, (state) => state === 'tracked')),
      trackedIds: (slot) =>
        answer(() => [...this.#in(slot, (state) => state === 'tracked').keys()]),
      removedSince: (slot) =>
        answer(() => [...this.#in(slot, (state) => state !== 'tracked').keys()]),
      read: (ids) => answer(() => ids.map((id) => this.texts.get(id) ?? '')),
      write: (writes) => answer(() => writes.map((write) => this.#write(write))),
    };
  }

  #write({ id, expected, text, announcements }: Write): true | string {
    const stands = this.texts.get(id) ?? '';
    if (stands !== expected) return stands;
    if (this.diesAfter-- <= 0) {
      this.isAway = true;
      this.diesAfter = Number.POSITIVE_INFINITY;
      throw new StoreUnavailableError('died within a write');
    }
    if (text !== '') this.texts.set(id, text);
    for (const { type } of announcements) {
      this.events.push({ id, text });
      this.published.set(id, type);
    }
    return true;
  }

  #in(slot: number, isWanted: (state: ReturnType<typeof stateOf>) => boolean) {
    const found = [...this.texts].filter(
      ([id, text]) => IDS.indexOf(id) % 2 === slot && isWanted(stateOf(decodeRecord(id, text))),
    );
    return new Map(found);
  }
}

class World {
  now = 1_000_000_000_000;
  words = 0;
  readonly redis: FakeRedis;
  readonly cut = Array.from({ length: REPLICAS }, () => false);
  /** What the bot said last, and whether Graph still has the call. */
  readonly wanted = new Map<string, boolean>();
  readonly lives = new Map(IDS.map((id) => [id, true]));
  readonly replicas: { local: LocalRegistry; registry: Registry }[];

  constructor(scheduler: fc.Scheduler) {
    this.redis = new FakeRedis(scheduler);
    this.replicas = Array.from({ length: REPLICAS }, (_, i) => this.#replica(i));
  }

  #replica(index: number) {
    const local = new LocalRegistry({ kind: CALLS, slots: 2, slotOf: (id) => IDS.indexOf(id) % 2 });
    const registry = new Registry({
      kind: CALLS,
      local,
      shared: this.redis.connection(() => this.cut[index] ?? false),
      isUp: () => true,
      now: () => this.now,
      isStale: () => false,
      onAnnounced: () => undefined,
      onUnreadable: (id) => expect.unreachable(`${id} cannot be read`),
    });
    return { local, registry };
  }

  async step(step: Step): Promise<void> {
    this.now += 1_000;
    switch (step.do) {
      case 'track':
        return this.#track(step.replica, step.id);
      case 'stop':
        return this.#stop(step.replica, step.id);
      case 'renew':
        return this.#renew(step.replica, step.id);
      case 'give-up':
        return this.#giveUp(step.replica, step.id);
      case 'hang-up':
        this.lives.set(step.id, false);
        return;
      case 'sync':
        return this.#sync(step.replica, step.slot);
      case 'cut':
      case 'join':
        this.cut[step.replica] = step.do === 'cut';
        return;
      case 'deliver': {
        const event = this.redis.events[step.event];
        if (event) this.#at(step.replica).local.learn(event.id, event.text);
        return;
      }
      case 'die-after':
        this.redis.diesAfter = step.writes;
        return;
      case 'pass':
        this.now += step.ms;
        return;
      default:
        return this.#redis(step.do);
    }
  }

  /** Everybody reaches everybody, and each slot is exchanged once by each, and once more. */
  async heal(): Promise<void> {
    this.#redis('back');
    this.redis.diesAfter = Number.POSITIVE_INFINITY;
    this.cut.fill(false);
    for (const _ of [1, 2]) {
      for (const { registry } of this.replicas) {
        for (const slot of [0, 1]) await registry.sync(slot, { removedSince: 0 });
      }
    }
  }

  #at(index: number) {
    const found = this.replicas[index];
    if (!found) throw new RangeError(`there is no replica ${index}`);
    return found;
  }

  #redis(what: string): void {
    if (what === 'save') this.redis.saved = new Map(this.redis.texts);
    else this.redis.isAway = what === 'away';
    if (what === 'back-empty') this.redis.texts = new Map();
    if (what === 'back-old') this.redis.texts = new Map(this.redis.saved);
  }

  async #track(replica: number, id: string): Promise<void> {
    // Ids are not used again at Graph: a bot does not track what it has seen end.
    if (!this.lives.get(id)) return;
    this.wanted.set(id, true);
    const generation = String(++this.words).padStart(6, '0');
    const tracking = {
      generation,
      app: 'default',
      tenantId: 't',
      tenantIsDefault: true,
      trackedAt: this.now,
      startedAt: null,
      trackUntil: null,
      labels: {},
      webhookUrl: null,
      owner: null,
    };
    await this.#at(replica).registry.update([
      { id, decide: () => ({ ...emptyRecord(id), tracking }) },
    ]);
  }

  async #stop(replica: number, id: string): Promise<void> {
    this.wanted.set(id, false);
    const generation = String(++this.words).padStart(6, '0');
    const stop = { generation, at: this.now, reason: 'request' as const, resultInfo: null };
    await this.#at(replica).registry.update([
      { id, decide: () => ({ ...emptyRecord(id), stops: { [ALL_APPS]: stop } }) },
    ]);
  }

  /** A keepAlive, if the replica thinks that the call is tracked. */
  async #renew(replica: number, id: string): Promise<void> {
    const { local, registry } = this.#at(replica);
    const { tracking } = local.get(id);
    if (tracking === null || stateOf(local.get(id)) !== 'tracked') return;
    const { generation } = tracking;
    const sentAt = this.now;
    const ending = { generation, sentAt, at: sentAt, error: NOT_FOUND };
    const added = this.lives.get(id) ? { renewedAt: sentAt } : { ending };
    const { renewedAt } = added;
    await registry.update([{ id, decide: () => ({ ...emptyRecord(id), ...added }), renewedAt }]);
  }

  /** A replica that cannot reach Graph sees the deadline pass. */
  async #giveUp(replica: number, id: string): Promise<void> {
    const { local, registry } = this.#at(replica);
    const { tracking, renewedAt } = local.get(id);
    if (tracking === null || stateOf(local.get(id)) !== 'tracked') return;
    const known = Math.max(renewedAt ?? 0, tracking.trackedAt);
    if (this.now < known + DEADLINE_MS) return;
    const expiry = {
      generation: tracking.generation,
      renewedAt: renewedAt ?? 0,
      at: this.now,
    };
    await registry.update([{ id, decide: () => ({ ...emptyRecord(id), expiry }) }]);
  }

  async #sync(replica: number, slot: number): Promise<void> {
    const syncing = this.#at(replica).registry.sync(slot, { removedSince: null });
    await syncing.catch((error) => expect(error).toBeInstanceOf(StoreUnavailableError));
  }
}

const NOT_FOUND = {
  at: 1,
  status: 404,
  code: '8522',
  message: 'Call not found.',
  requestId: null,
  clientRequestId: null,
  diagnostic: null,
  date: null,
};

describe('replicas and a Redis that fails in every way', () => {
  test('agree in the end: no call is lost, and none is raised from the dead', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(aGroup, { maxLength: 40 }), async (s, groups) => {
        const world = new World(s);
        for (const group of groups) {
          await s.waitFor(Promise.all(group.map((step) => world.step(step))));
        }
        await s.waitFor(world.heal());
        for (const id of IDS) {
          const texts = new Set(world.replicas.map(({ local }) => local.text(id)));
          texts.add(world.redis.texts.get(id) ?? '');
          expect([...texts], `one view of ${id}`).toHaveLength(1);
          const { local } = world.replicas[0] as (typeof world.replicas)[number];
          const record = local.get(id);
          const state = stateOf(record);
          if (world.wanted.get(id) === true) {
            // Given up at most if nobody renewed it for a deadline.
            const renewedAt = Math.max(record.renewedAt ?? 0, record.tracking?.trackedAt ?? 0);
            const mayExpire = world.now >= renewedAt + DEADLINE_MS;
            const mayEnd = !world.lives.get(id);
            const allowed = [
              'tracked',
              ...(mayExpire ? ['expired'] : []),
              ...(mayEnd ? ['ended'] : []),
            ];
            expect(allowed, `the state of ${id}`).toContain(state);
          } else {
            expect(state, `the state of ${id}`).not.toBe('tracked');
          }
          // What was published last is what holds.
          if (state !== null)
            expect(world.redis.published.get(id), `published of ${id}`).toBe(state);
        }
      }),
      { numRuns: 10_000 },
    );
  }, 300_000);
});
