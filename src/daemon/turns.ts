import type { Logger } from 'pino';
import type { Durations } from '../calls/durations.ts';
import type { SharedClock } from '../calls/shared-clock.ts';
import type { Schedule } from '../schedule/schedule.ts';
import { causeOf } from '../store/cause.ts';
import type { RedisLink } from '../store/redis-link.ts';

export interface TurnsOptions {
  readonly schedule: Pick<Schedule, 'resume' | 'suspend' | 'replaceIfUnresponsive' | 'running'>;
  readonly clock: Pick<SharedClock, 'machineAheadMs'>;
  readonly durations: Pick<Durations, 'skewMs' | 'lockMs' | 'unresponsiveMs' | 'outGraceMs'>;
  readonly log: Logger;
}

/** Why this replica takes no turns although Redis serves. */
interface Obstacle {
  readonly kind: 'clock' | 'queue';
  /** A clause for `/readyz`, which anybody can read. */
  readonly what: string;
}

/**
 * Decides whether this replica takes turns of the wheel: only while Redis serves and this machine's
 * clock, which BullMQ uses, agrees with Redis's.
 */
export class Turns {
  readonly #options: TurnsOptions;
  #obstacle: Obstacle | null = null;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Why this replica takes no turns although Redis serves; null if there is no such reason. */
  get obstacle(): string | null {
    return this.#obstacle?.what ?? null;
  }

  follow(link: RedisLink): void {
    link.on('beat', () => this.#onBeat());
    link.on('lost', () => this.#onLost());
  }

  async #onBeat(): Promise<void> {
    const { schedule, clock, durations, log } = this.#options;
    const aheadMs = clock.machineAheadMs();
    if (Math.abs(aheadMs) <= durations.skewMs) return await this.#take();
    if (this.#isNew({ kind: 'clock', what: describeSkew(aheadMs) })) {
      log.error({ aheadMs }, 'local clock differs from Redis: not taking turns');
    }
    await schedule.suspend(AbortSignal.timeout(durations.lockMs)).catch((err: unknown) => {
      log.debug({ err }, 'the worker did not stop');
    });
  }

  /** If only the queue does not answer, Redis does not count as out: the watch visits the slots. */
  async #take(): Promise<void> {
    const { schedule, durations, log } = this.#options;
    try {
      await schedule.resume();
      schedule.replaceIfUnresponsive(durations.unresponsiveMs);
      if (this.#isNew(null)) log.info('this replica takes turns now');
    } catch (err) {
      const why = causeOf(err)?.what;
      const what = `the queue cannot be opened${why ? `: ${why}` : ''}`;
      if (this.#isNew({ kind: 'queue', what })) log.warn({ err }, what);
    }
  }

  async #onLost(): Promise<void> {
    const { schedule, durations } = this.#options;
    this.#obstacle = null;
    await schedule.suspend(AbortSignal.timeout(durations.outGraceMs));
  }

  /** Keeps the obstacle. Returns whether its kind has changed: only then is it logged. */
  #isNew(obstacle: Obstacle | null): boolean {
    const before = this.#obstacle;
    this.#obstacle = obstacle;
    return before?.kind !== obstacle?.kind;
  }
}

function describeSkew(aheadMs: number): string {
  const seconds = (Math.abs(aheadMs) / 1_000).toFixed(1);
  return `the clock of this machine is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} Redis's`;
}
