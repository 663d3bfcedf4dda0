import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Clock } from './calls/ports.ts';
import type { Wheel } from './calls/wheel.ts';
import { layAnew } from './store/laying.ts';
import type { Membership, Verdict } from './store/membership.ts';
import { assertSuitable, UnsuitableRedisError } from './store/suitable.ts';

export interface StandingOptions {
  readonly redis: Redis;
  readonly membership: Membership;
  readonly wheel: Wheel;
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** This replica counts among the others for the first time. Runs to its end before the next beat. */
  readonly onJoined: () => Promise<void>;
  /** This replica cannot go on: Redis is unsuitable, or turns another wheel. */
  readonly onRefused: (error: Error) => void;
}

/** Replicas that live turn a wheel of another shape in this Redis. */
export class OtherWheelError extends Error {
  readonly code = 'OTHER_WHEEL';
  constructor(laid: Wheel, wheel: Wheel, others: readonly string[]) {
    super(
      `this Redis turns a wheel of ${describe(laid)}, and ${others.join(', ')} live on it; ` +
        `this replica is configured for ${describe(wheel)}. Give all replicas the same ` +
        'KEEPALIVE_INTERVAL and WHEEL_SLOTS, or stop the others first: the wheel is then laid anew.',
    );
    this.name = 'OtherWheelError';
  }
}

function describe({ intervalMs, slots }: Wheel): string {
  return `${intervalMs / 1_000} s in ${slots} slots`;
}

/**
 * This replica's standing with Redis: waits for it, checks it, joins the other
 * replicas, and gives a sign of life ever after. Redis may come and go.
 */
export class Standing {
  readonly #options: StandingOptions;
  readonly #stopped = new AbortController();
  #beating: Promise<void> = Promise.resolve();
  #up = false;
  #joined = false;

  constructor(options: StandingOptions) {
    this.#options = options;
  }

  /** Whether Redis answered the last sign of life. */
  get up(): boolean {
    return this.#up;
  }

  start(): void {
    this.#beating = this.#beat();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#beating;
    if (this.#joined) await this.#options.membership.leave().catch(() => undefined); // it expires
  }

  async #beat(): Promise<void> {
    const { clock, heartbeatMs, onRefused } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await this.#report();
        this.#setUp(true);
      } catch (error) {
        if (error instanceof OtherWheelError || error instanceof UnsuitableRedisError) {
          onRefused(error);
          return;
        }
        this.#setUp(false, error);
      }
      await clock.sleep(this.#joined ? heartbeatMs : Math.min(heartbeatMs, 1_000), signal);
    }
  }

  async #report(): Promise<void> {
    const { redis, membership, onJoined } = this.#options;
    if (!this.#joined) await assertSuitable(redis);
    const verdict = await membership.join();
    if (verdict.kind === 'different') return this.#onDifferent(verdict);
    if (this.#joined) return;
    await onJoined();
    this.#joined = true;
  }

  async #onDifferent({ laid, others }: Verdict & { kind: 'different' }): Promise<void> {
    const { redis, wheel, log } = this.#options;
    if (others.length > 0) throw new OtherWheelError(laid, wheel, others);
    const done = await layAnew(redis, laid, wheel);
    log.info({ from: laid, to: wheel, done }, 'the wheel is laid anew: no replica turns the old one');
    if (done) return this.#report();
    throw new Error('another replica is laying the wheel anew');
  }

  #setUp(up: boolean, error?: unknown): void {
    const { log } = this.#options;
    if (up && !this.#up) log.info('Redis answers');
    if (!up && this.#up) log.error({ err: error }, 'Redis does not answer');
    if (!up && !this.#up) log.debug({ err: error }, 'waiting for Redis');
    this.#up = up;
  }
}
