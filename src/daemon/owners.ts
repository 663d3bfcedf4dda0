import type { Announcement } from '../calls/announcement.ts';
import { type Calls, untrackInBatches } from '../calls/calls.ts';
import type { OwnerRecord } from '../calls/owner.ts';
import type { CallRegistry } from '../calls/ports.ts';
import type { ConfiguredApps } from '../calls/track-request.ts';
import { LeaseExpirer } from '../owners/lease-expirer.ts';
import { MOST_OWNERS } from '../owners/lease-limit.ts';
import { Owners } from '../owners/owners.ts';
import { LeaseWatch } from '../schedule/lease-watch.ts';
import type { RedisClient } from '../store/connection.ts';
import { ownerKeys } from '../store/keys.ts';
import { LocalOwners } from '../store/local-owners.ts';
import { LocalRegistry } from '../store/local-registry.ts';
import type { Membership } from '../store/membership.ts';
import type { LocalOwnedCalls } from '../store/owned-calls.ts';
import { OwnerSync } from '../store/owner-sync.ts';
import { OWNERS } from '../store/record-kind.ts';
import type { RedisLink } from '../store/redis-link.ts';
import { RedisRegistry } from '../store/redis-registry.ts';
import { Registry } from '../store/registry.ts';
import type { Context } from './context.ts';

export interface OwnersNeeds {
  readonly redis: RedisClient;
  readonly link: Pick<RedisLink, 'up'>;
  readonly membership: Membership;
  readonly registry: CallRegistry;
  readonly owned: LocalOwnedCalls;
  readonly calls: Calls;
  readonly apps: { current(): ConfiguredApps };
}

/** Slots of the registry of owners: enough to keep each command that reads a slot short. */
const SLOTS = 16;
/** The longest lease, and how long a lost or dropped owner is kept. */
const DAY_MS = 24 * 60 * 60 * 1_000;

/** The owners of calls: their registry, what bots can ask of it, and the watch over leases. */
export function openOwners(context: Context, needs: OwnersNeeds) {
  const { durations, clock, ownerObserver } = context;
  const { registry: callRegistry, owned, calls, apps } = needs;
  const { local, shared, registry, owners } = createRegistry(context, needs);
  const leaseContext = () => owners.leaseContext();
  const expirer = new LeaseExpirer({
    owners: registry,
    suspects: (now) => owners.suspects(now),
    calls: callRegistry,
    owned,
    clock,
    skewMs: durations.skewMs,
    leaseContext,
    onLost: (record, stopped) => ownerObserver.lost(owners.describe(record), stopped),
  });
  const watch = createWatch(context, needs, { expirer, registry, local, shared, owners });
  const requested = new Owners({
    registry,
    slots: SLOTS,
    calls: owned,
    leases: { count: () => owners.countLeases(), countOf: (app) => owners.countLeasesOf(app) },
    stop: (ids, visibleApps) => untrackInBatches(calls.within(visibleApps), ids),
    clock,
    leaseContext,
    currentApps: () => apps.current(),
    visibleApps: null,
  });
  return {
    localOwners: local,
    owners: requested,
    describeOwner: (record: OwnerRecord) => owners.describe(record),
    countOwners: () => owners.count(),
    start: () => watch.start(),
    stop: () => watch.stop(),
  };
}

function createRegistry(context: Context, needs: OwnersNeeds) {
  const { config, wheel, durations, clock } = context;
  const { redis, link, owned, membership } = needs;
  const { skewMs } = durations;
  const { ownerGraceMs: graceMs } = config;
  const local = new LocalRegistry<OwnerRecord>({
    kind: OWNERS,
    slots: SLOTS,
    skew: () => ({ now: clock.now(), skewMs, intervalMs: wheel.intervalMs }),
  });
  const hasWebhooks = config.webhooks !== null;
  const shared = new RedisRegistry({ redis, slots: SLOTS, keysOf: ownerKeys, hasWebhooks });
  const owners = new LocalOwners({
    local,
    slots: SLOTS,
    owned,
    membership,
    clock,
    skewMs,
    graceMs,
  });
  const news = new OwnerNews(context, owners);
  const registry = new Registry<OwnerRecord>({
    kind: OWNERS,
    local,
    shared,
    isUp: () => link.up,
    now: () => clock.now(),
    isStale: (text) => clock.settledNow() > leaseEnd(text) + graceMs + DAY_MS,
    onAnnounced: (announcement, record) => news.announced(announcement, record),
    onUnreadable: (id, error) => news.unreadable(id, error),
  });
  return { local, shared, registry, owners };
}

function leaseEnd(text: string): number {
  const { lease } = OWNERS.decode('@', text);
  return (lease?.renewedAt ?? 0) + (lease?.leaseMs ?? 0);
}

class OwnerNews {
  readonly #context: Context;
  readonly #owners: LocalOwners;

  constructor(context: Context, owners: LocalOwners) {
    this.#context = context;
    this.#owners = owners;
  }

  announced({ type }: Announcement, record: OwnerRecord): void {
    const { ownerObserver } = this.#context;
    const owner = this.#owners.describe(record);
    if (type === 'owner.lapsed') ownerObserver.lapsed(owner);
    if (type === 'owner.renewed') ownerObserver.renewed(owner);
  }

  unreadable(owner: string, err: Error): void {
    const { metrics, log } = this.#context;
    metrics.unreadableValue();
    log.warn({ owner, err }, 'an owner in Redis cannot be read; it is skipped');
  }
}

type Created = ReturnType<typeof createRegistry> & { readonly expirer: LeaseExpirer };

function createWatch(context: Context, { redis, link }: OwnersNeeds, created: Created) {
  const { wheel, durations } = context;
  const sync = new OwnerSync({
    ...context,
    ...created,
    redis,
    holdMs: durations.heartbeatTtlMs,
    slots: SLOTS,
    keptMs: DAY_MS,
    mostRemoved: MOST_OWNERS,
    learnMs: 2 * wheel.intervalMs,
  });
  return new LeaseWatch({
    ...context,
    expirer: created.expirer,
    sync: () => sync.syncAll(),
    refresh: () => sync.refresh(),
    isUp: () => link.up,
    isAhead: () => sync.isAhead,
    hold: () => sync.holdLock(),
    lookMs: durations.heartbeatMs,
    syncMs: wheel.intervalMs,
  });
}
