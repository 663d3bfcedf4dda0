import { isOwner } from './answers.ts';
import type { Call, DropOwnerQuery, Owner, TrackBody, TrackItem, TrackResult } from './api.ts';
import type { Answer, RequestOptions } from './attempt.ts';
import type { Many } from './batches.ts';
import type { CallkeeperError, CallkeeperUnreachableError } from './errors.ts';
import { ownerPath } from './paths.ts';
import { pause } from './pause.ts';
import type { Transport } from './transport.ts';

/** Fields of a call, except those that its owner has. */
export type OwnedTrackBody = Omit<TrackBody, 'owner' | 'app'>;
export type OwnedTrackItem = Omit<TrackItem, 'owner' | 'app'>;

export interface OwnerOptions {
  /** How long the owner counts as alive without another renewal: 10 to 86,400; default 90. */
  readonly leaseSeconds?: number | undefined;
  /** The app of the owner's calls; the default app if absent. */
  readonly app?: string | undefined;
  /**
   * The lease could not be renewed, with all retries. The next renewal follows anyway. By default
   * the error becomes a warning of the process.
   */
  readonly onError?: ((error: CallkeeperError | CallkeeperUnreachableError) => void) | undefined;
  /**
   * The lease was renewed, but later than `stopsAt`: the owner's calls may have been stopped
   * before. Track them again.
   */
  readonly onLost?: ((owner: Owner) => void) | undefined;
}

export interface CloseOptions extends RequestOptions {
  /** true: stops all calls of the owner as well, and drops its lease. */
  readonly stopCalls?: boolean | undefined;
}

/** What an owner needs of the client. */
interface Client {
  track(id: string, body: TrackBody, options?: RequestOptions): Promise<Call>;
  trackAll(calls: Many<TrackItem>, options?: RequestOptions): Promise<TrackResult[]>;
  dropOwner(
    name: string,
    query: DropOwnerQuery,
    options?: RequestOptions,
  ): Promise<{ readonly stopped: number }>;
}

const LEASE_SECONDS = { least: 10, most: 86_400, default: 90 } as const;
/** So that one may fail before the lease runs out. */
const RENEWALS_PER_LEASE = 3;
/** After a failed renewal the next one follows within this time, however long the lease is. */
const RETRY_MS = 10_000;
/** How long `close` waits for a renewal in flight. */
const LAST_RENEWAL_MS = 1_000;

/**
 * An owner whose lease is renewed until it is closed: at once, and then three times per lease.
 * The renewals do not keep the process alive.
 */
export class LeasedOwner {
  readonly name: string;
  readonly #path: string;
  readonly #app: string | undefined;
  readonly #leaseSeconds: number;
  readonly #options: OwnerOptions;
  readonly #transport: Transport;
  readonly #client: Client;
  readonly #stop = new AbortController();
  #isClosed = false;
  /** The renewal in flight, or the last one. */
  #renewal: Promise<boolean> = Promise.resolve(true);
  /** The owner, as the last renewal answered. */
  #last: Owner | null = null;

  /** For {@link Callkeeper.owner}. */
  constructor(name: string, options: OwnerOptions, transport: Transport, client: Client) {
    this.name = name;
    this.#path = ownerPath(name);
    this.#app = options.app;
    this.#leaseSeconds = readLeaseSeconds(options.leaseSeconds ?? LEASE_SECONDS.default);
    this.#options = options;
    this.#transport = transport;
    this.#client = client;
    void this.#keepRenewing();
  }

  /** Tracks a call as one of this owner: see {@link Callkeeper.track}. */
  track(id: string, body: OwnedTrackBody = {}, options?: RequestOptions): Promise<Call> {
    return this.#client.track(id, { ...body, ...this.#fields() }, options);
  }

  /** Tracks calls as those of this owner: see {@link Callkeeper.trackAll}. */
  trackAll(calls: Many<OwnedTrackItem>, options?: RequestOptions): Promise<TrackResult[]> {
    return this.#client.trackAll(this.#owned(calls), options);
  }

  /**
   * Stops renewing the lease, which then runs out: OWNER_GRACE later the calls that are still
   * this owner's are stopped. With `stopCalls` they are stopped now. Resolves with how many were.
   */
  async close({ stopCalls = false, ...options }: CloseOptions = {}): Promise<{ stopped: number }> {
    this.#isClosed = true;
    if (!stopCalls) {
      this.#stop.abort();
      return { stopped: 0 };
    }
    // A renewal in flight that arrives after the DELETE would give the owner a lease again.
    const giveUp = setTimeout(() => this.#stop.abort(), LAST_RENEWAL_MS);
    await this.#renewal;
    clearTimeout(giveUp);
    this.#stop.abort();
    const { stopped } = await this.#client.dropOwner(this.name, { app: this.#app }, options);
    return { stopped };
  }

  async #keepRenewing(): Promise<void> {
    const { signal } = this.#stop;
    const intervalMs = Math.floor((this.#leaseSeconds * 1_000) / RENEWALS_PER_LEASE);
    while (!this.#isClosed) {
      const startedAt = performance.now();
      this.#renewal = this.#renew(intervalMs);
      const waitMs = (await this.#renewal) ? intervalMs : Math.min(intervalMs, RETRY_MS);
      await pause(startedAt + waitMs - performance.now(), { signal, ref: false });
    }
  }

  /** @returns whether the lease was renewed */
  async #renew(intervalMs: number): Promise<boolean> {
    const body = { leaseSeconds: this.#leaseSeconds, app: this.#app };
    const answers = (answer: Answer) => isOwner(answer.body, this.name);
    const request = { method: 'PUT', path: this.#path, body, answers, background: true } as const;
    const { signal } = this.#stop;
    const totalMs = Math.min(intervalMs, this.#transport.totalMs);
    try {
      this.#note((await this.#transport.send(request, { signal, totalMs })).body as Owner);
      return true;
    } catch (error) {
      const { onError = warn } = this.#options;
      if (!this.#isClosed) call(onError, error as CallkeeperError | CallkeeperUnreachableError);
      return false;
    }
  }

  #note(owner: Owner): void {
    const { onLost } = this.#options;
    const stopsAt = Date.parse(this.#last?.stopsAt ?? '');
    this.#last = owner;
    const isLate = Date.parse(owner.renewedAt ?? '') >= stopsAt;
    if (isLate && onLost && !this.#isClosed) call(onLost, owner);
  }

  async *#owned(calls: Many<OwnedTrackItem>): AsyncGenerator<TrackItem, void, undefined> {
    for await (const item of calls) yield { ...item, ...this.#fields() };
  }

  #fields(): Pick<TrackBody, 'owner' | 'app'> {
    return { owner: this.name, ...(this.#app === undefined ? {} : { app: this.#app }) };
  }
}

function readLeaseSeconds(seconds: number): number {
  const { least, most } = LEASE_SECONDS;
  if (Number.isInteger(seconds) && seconds >= least && seconds <= most) return seconds;
  throw new TypeError(
    `leaseSeconds: expected a whole number from ${least} to ${most}, got ${seconds}`,
  );
}

/** Calls back apart from the renewals, which go on even if the callback throws. */
function call<T>(callback: (value: T) => void, value: T): void {
  queueMicrotask(() => callback(value));
}

function warn(error: Error): void {
  process.emitWarning(error);
}
