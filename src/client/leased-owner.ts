import { isOwner } from './answers.ts';
import type { Call, DropOwnerQuery, Owner, TrackBody, TrackItem, TrackResult } from './api.ts';
import type { Answer, RequestOptions, TrackOptions } from './attempt.ts';
import type { Many } from './batches.ts';
import type { CallkeeperError, CallkeeperUnreachableError } from './errors.ts';
import { ownerPath } from './paths.ts';
import { pause } from './pause.ts';
import type { Transport } from './transport.ts';

/** The fields of a call, except those that the owner fills in. */
export type OwnedTrackBody = Omit<TrackBody, 'owner' | 'app'>;
export type OwnedTrackItem = Omit<TrackItem, 'owner' | 'app'>;

export interface OwnerOptions {
  /** How long the lease runs without another renewal: 10 to 86,400; default 90. */
  readonly leaseSeconds?: number | undefined;
  /** The app of the owner's calls; the default app if absent. */
  readonly app?: string | undefined;
  /**
   * Called if a renewal and all its retries fail. The client goes on renewing. By default the error
   * becomes a warning of the process.
   */
  readonly onError?: ((error: CallkeeperError | CallkeeperUnreachableError) => void) | undefined;
  /**
   * Called if the lease was renewed only after `stopsAt`: Callkeeper may have stopped the owner's
   * calls, so track them again.
   */
  readonly onLost?: ((owner: Owner) => void) | undefined;
}

export interface CloseOptions extends RequestOptions {
  /** true: also stops all calls of the owner and drops its lease. */
  readonly stopCalls?: boolean | undefined;
}

interface Client {
  track(id: string, body: TrackBody, options?: TrackOptions): Promise<Call>;
  trackAll(calls: Many<TrackItem>, options?: RequestOptions): Promise<TrackResult[]>;
  dropOwner(
    name: string,
    query: DropOwnerQuery,
    options?: RequestOptions,
  ): Promise<{ readonly stopped: number }>;
}

const LEASE_SECONDS = { least: 10, most: 86_400, default: 90 } as const;
/** Three, so that one may fail before the lease runs out. */
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
  /** The renewal in flight, or else the last one. */
  #renewal: Promise<boolean> = Promise.resolve(true);
  #last: Owner | null = null;

  /** Use {@link Callkeeper.owner}. */
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

  /** Tracks a call for this owner: see {@link Callkeeper.track}. */
  async track(id: string, body: OwnedTrackBody = {}, options?: TrackOptions): Promise<Call> {
    this.#assertOpen();
    return this.#client.track(id, { ...body, ...this.#fields() }, options);
  }

  /** Tracks calls for this owner: see {@link Callkeeper.trackAll}. */
  async trackAll(calls: Many<OwnedTrackItem>, options?: RequestOptions): Promise<TrackResult[]> {
    this.#assertOpen();
    return this.#client.trackAll(this.#owned(calls), options);
  }

  /**
   * Stops renewing the lease. It runs out, and OWNER_GRACE later Callkeeper stops the calls that
   * still belong to this owner. `stopCalls` stops them now. Resolves with how many it stopped.
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

  /** Nobody would renew the lease for what is tracked now. */
  #assertOpen(): void {
    if (this.#isClosed)
      throw new Error(`the owner ${this.name} is closed: make a new one to track calls`);
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

/** Calls back in a microtask: if the callback throws, the renewals go on. */
function call<T>(callback: (value: T) => void, value: T): void {
  queueMicrotask(() => callback(value));
}

function warn(error: Error): void {
  process.emitWarning(error);
}
