import {
  describeOwner,
  drop,
  emptyOwner,
  type LeaseContext,
  type Owner,
  type OwnerName,
  type OwnerRecord,
  ownerId,
  ownerRemovedAt,
  renewal,
} from '../calls/owner.ts';
import { type OwnerRegistry, type SettledClock, StoreUnavailableError } from '../calls/ports.ts';
import { isWithin, type VisibleApps } from '../calls/principal.ts';
import { type ConfiguredApps, faultOfApp, type Invalid } from '../calls/track-request.ts';
import { type Forbidden, forbidden } from '../calls/visible-apps.ts';
import { type Leases, whyFull } from './lease-limit.ts';
import { OwnerList, type OwnerPage, type OwnerQuery } from './owner-list.ts';

/** The calls of owners, as this replica knows them, by the owner's id. */
export interface OwnedCalls {
  count(ownerId: string): number;
  owners(): Iterable<string>;
  /** Reads all calls. */
  idsOf(ownerIds: ReadonlySet<string>): Promise<ReadonlyMap<string, readonly string[]>>;
}

export interface OwnersDeps {
  readonly registry: OwnerRegistry;
  /** Slots of the registry of owners. */
  readonly slots: number;
  readonly calls: OwnedCalls;
  readonly leases: Leases;
  /** Stops calls; returns how many of them were tracked. */
  readonly stop: (ids: readonly string[], visibleApps: VisibleApps) => Promise<number>;
  readonly clock: SettledClock;
  readonly leaseContext: () => Omit<LeaseContext, 'now'>;
  readonly currentApps: () => ConfiguredApps;
  readonly visibleApps: VisibleApps;
}

export interface TooMany {
  readonly kind: 'too-many';
  readonly message: string;
}

export type Renewed =
  | {
      readonly kind: 'renewed';
      readonly owner: Owner;
      readonly durable: boolean;
      /** The owner had no lease, or was lost. */
      readonly isNew: boolean;
    }
  | Invalid
  | Forbidden
  | TooMany;

export interface Found {
  readonly kind: 'found';
  readonly app: string;
  readonly owner: Owner | null;
}

export type Dropped =
  | {
      readonly kind: 'dropped';
      readonly app: string;
      readonly stopped: number;
      readonly durable: boolean;
    }
  | Invalid
  | Forbidden;

/** Renews, finds, lists and drops owners. Without a name of an app, the default app is meant. */
export class Owners {
  readonly #deps: OwnersDeps;

  constructor(deps: OwnersDeps) {
    this.#deps = deps;
  }

  /** Limits everything to owners of these apps. */
  within(visibleApps: VisibleApps): Owners {
    return visibleApps === this.#deps.visibleApps
      ? this
      : new Owners({ ...this.#deps, visibleApps });
  }

  async renew(name: string, app: string | undefined, leaseMs: number): Promise<Renewed> {
    const owner = this.#named(name, app);
    if ('kind' in owner) return owner;
    const { registry, clock } = this.#deps;
    const id = ownerId(owner);
    const message = await this.#whyNoLease(id, owner.app);
    if (message !== null) return { kind: 'too-many', message };
    const [changed] = await registry.update([
      { id, decide: (current) => renewal(current, leaseMs, clock.now()) },
    ]);
    if (!changed || changed.kind === 'refused') throw ofLaterVersion(name);
    const { kind, before, after } = changed;
    const isNew = !hasLease(before);
    return { kind: 'renewed', owner: this.#present(after), durable: kind === 'stored', isNew };
  }

  /** The owner is `null` if it has no lease and no calls, and was not lost within the last 24 h. */
  async find(name: string, app: string | undefined): Promise<Found | Invalid | Forbidden> {
    const named = this.#named(name, app);
    if ('kind' in named) return named;
    const [record] = await this.#deps.registry.read([ownerId(named)]);
    const owner = record && this.#present(record);
    const isKnown = owner !== undefined && (owner.state !== 'none' || owner.tracked > 0);
    return { kind: 'found', app: named.app, owner: isKnown ? owner : null };
  }

  /** The owners that have a lease or calls; lost ones only if `state` asks for them. */
  list(query: OwnerQuery): Promise<OwnerPage> {
    const { calls, visibleApps } = this.#deps;
    const withCalls = () => calls.owners();
    const present = (record: OwnerRecord) => this.#present(record);
    return new OwnerList({ ...this.#deps, withCalls, present }).page(query, visibleApps);
  }

  async drop(name: string, app: string | undefined): Promise<Dropped> {
    const owner = this.#named(name, app);
    if ('kind' in owner) return owner;
    const { registry, calls, stop, clock, visibleApps } = this.#deps;
    const id = ownerId(owner);
    const decide = (current: OwnerRecord) => drop(current, clock.now());
    const [changed] = await registry.update([{ id, decide }]);
    if (!changed || changed.kind === 'refused') throw ofLaterVersion(name);
    // The lease expirer stops the calls that this replica does not know yet.
    const found = await calls.idsOf(new Set([id]));
    const stopped = await stop(found.get(id) ?? [], visibleApps);
    return { kind: 'dropped', app: owner.app, stopped, durable: changed.kind === 'stored' };
  }

  /** null if it can have a lease. One that has a lease keeps it. */
  async #whyNoLease(id: string, app: string): Promise<string | null> {
    const { registry, leases, currentApps } = this.#deps;
    if (hasLease(registry.get(id))) return null;
    const why = whyFull(leases, app, currentApps().apps.size);
    // Another replica may have renewed it a moment ago.
    const isKnown = why !== null && hasLease((await registry.read([id]))[0] ?? emptyOwner(id));
    return isKnown ? null : why;
  }

  #named(name: string, named: string | undefined): OwnerName | Invalid | Forbidden {
    const { currentApps, visibleApps } = this.#deps;
    const context = currentApps();
    const app = named ?? context.defaultApp;
    // In this order: a key that is limited to apps must not learn which others there are.
    if (!isWithin(visibleApps, app)) return forbidden(beyond(named, app, visibleApps));
    return faultOfApp(app, context, visibleApps) ?? { app, name };
  }

  #present(record: OwnerRecord): Owner {
    const { calls, leaseContext } = this.#deps;
    return describeOwner(record, calls.count(record.id), leaseContext());
  }
}

function beyond(named: string | undefined, app: string, visibleApps: VisibleApps): string {
  const apps = `this key is limited to ${[...(visibleApps ?? [])].join(', ')}`;
  if (named !== undefined) return `the key has no access to owners of the app ${app}: ${apps}`;
  return `the request names no app, so it means the default app: ${apps}; name one of them`;
}

/** As the limit counts leases: a lost owner has none. */
function hasLease(record: OwnerRecord): boolean {
  return ownerRemovedAt(record) === null;
}

function ofLaterVersion(name: string): StoreUnavailableError {
  return new StoreUnavailableError(`a later version of Callkeeper wrote the owner ${name}`);
}
