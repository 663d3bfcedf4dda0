import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { BotCall } from './bot.ts';
import { removalsInEvents, type SeenRemoval } from './observations.ts';
import { until, type World } from './world.ts';

/** The shortest lease that Callkeeper accepts, and a grace that fits it. */
export const LEASE_MS = 10_000;
export const GRACE_MS = 2_000;
export const OWNER_ENV = { OWNER_GRACE: `${GRACE_MS}ms` };

/** Several times per lease, so that a few requests may fail. */
const RENEW_MS = 2_000;
const RETRY_MS = 250;
const ANSWER_MS = 2_000;
/** How much longer than lease and grace a loss may take on a busy machine. */
const PATIENCE_MS = 40_000;

/** A bot instance that owns some calls, and renews one lease for all of them. */
export class Owner {
  readonly name: string;
  calls: readonly BotCall[] = [];
  readonly #world: World;
  /** Aborted while it does not renew its lease. */
  #pause = new AbortController();
  /** When the last renewal that was acknowledged was sent, epoch ms. */
  #renewedAt = 0;

  private constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  /** Renews its lease from now on, and tracks calls. */
  static async start(world: World, name: string, count = 20): Promise<Owner> {
    const owner = new Owner(world, name);
    owner.keepRenewing();
    await until(`${name} has a lease`, () => owner.#renewedAt > 0);
    owner.calls = await world.bot.startCalls(count, { owner: name });
    return owner;
  }

  keepRenewing(): void {
    this.#pause = new AbortController();
    void this.#keepRenewing(AbortSignal.any([this.#pause.signal, this.#world.over]));
  }

  stopRenewing(): void {
    this.#pause.abort();
  }

  /** Dies for good: its calls must be stopped, but not before lease and grace are over. */
  die(): void {
    this.stopRenewing();
    const endsAt = this.#renewedAt + LEASE_MS + GRACE_MS;
    for (const call of this.calls) call.stopAskedAt = endsAt;
  }

  /**
   * Resolves when all calls of this dead owner were stopped and published, each once and with the
   * reason. Until then, Callkeeper must keep them alive.
   */
  async lost(): Promise<void> {
    const ids = this.calls.map(({ id }) => id);
    const removals = async () => {
      const events = await removalsInEvents(this.#world);
      return events.filter(({ id }) => ids.includes(id));
    };
    await until(
      `the calls of ${this.name} are stopped`,
      async () => (await removals()).length >= ids.length,
      LEASE_MS + GRACE_MS + PATIENCE_MS,
    );
    // The replica logs the loss of the owner when it has stopped all of its calls.
    await until(`the loss of ${this.name} is logged`, () => {
      return ownersIn(this.#world, 'owner-lost').includes(this.name);
    });
    const stops = new Map((await removals()).map((stop) => [stop.id, stop]));
    for (const call of this.calls) this.#expectStop(call, stops.get(call.id));
  }

  #expectStop(call: BotCall, stop: SeenRemoval | undefined): void {
    expect(stop).toMatchObject({ removal: 'untracked', reason: 'owner-lost' });
    const at = stop?.at ?? 0;
    expect(at).toBeGreaterThanOrEqual(this.#renewedAt + LEASE_MS + GRACE_MS);
    Object.assign(call, { stopAskedAt: at, stoppedAt: at });
  }

  async #keepRenewing(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const sentAt = Date.now();
      const isRenewed = await this.#renew(signal);
      if (isRenewed) this.#renewedAt = sentAt;
      await sleep(isRenewed ? RENEW_MS : RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #renew(signal: AbortSignal): Promise<boolean> {
    const living = this.#world.replicas.filter((replica) => replica.isLiving);
    const replica = living[Math.floor(Math.random() * living.length)];
    if (!replica) return false;
    const answer = await fetch(`${replica.url}/owners/${this.name}`, {
      method: 'PUT',
      body: JSON.stringify({ leaseSeconds: LEASE_MS / 1_000 }),
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    }).catch(() => null);
    await answer?.arrayBuffer().catch(() => undefined);
    return answer?.ok === true;
  }
}

/** The owners whose leases ran out, or whose calls were stopped, by the logs of all replicas. */
export function ownersIn({ replicas }: World, event: 'owner-lapsed' | 'owner-lost'): string[] {
  const lines = replicas.flatMap((replica) => replica.lines);
  return lines.filter((line) => line.event === event).map(({ owner }) => String(owner));
}
