import type { Logger } from 'pino';
import type { Durations } from '../calls/durations.ts';
import type { SharedClock } from '../calls/shared-clock.ts';
import type { Schedule } from '../schedule/schedule.ts';
import type { RedisLink } from '../store/redis-link.ts';

export interface TurnsOptions {
  readonly schedule: Pick<Schedule, 'resume' | 'suspend' | 'replaceIfUnresponsive' | 'running'>;
  readonly clock: Pick<SharedClock, 'machineAheadMs'>;
  readonly durations: Pick<Durations, 'skewMs' | 'lockMs' | 'unresponsiveMs' | 'outGraceMs'>;
  readonly log: Logger;
}

/**
 * Decides whether this replica takes turns of the wheel: only while Redis serves and this machine's
 * clock, which BullMQ uses, agrees with Redis's.
 */
export class Turns {
  readonly #options: TurnsOptions;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  follow(link: RedisLink): void {
    link.on('beat', () => this.#onBeat());
    link.on('lost', () => this.#onLost());
  }

  /** If only the queue does not answer, Redis does not count as out: the watch visits the slots. */
  async #onBeat(): Promise<void> {
    await this.#takeOrLeave().catch((err: unknown) => {
      this.#options.log.debug({ err }, 'the queue does not answer');
    });
  }

  async #takeOrLeave(): Promise<void> {
    const { schedule, clock, durations, log } = this.#options;
    const aheadMs = clock.machineAheadMs();
    if (Math.abs(aheadMs) <= durations.skewMs) {
      await schedule.resume();
      schedule.replaceIfUnresponsive(durations.unresponsiveMs);
    } else if (schedule.running) {
      log.error({ aheadMs }, 'local clock differs from Redis: not taking turns');
      await schedule.suspend(AbortSignal.timeout(durations.lockMs));
    }
  }

  async #onLost(): Promise<void> {
    const { schedule, durations } = this.#options;
    await schedule.suspend(AbortSignal.timeout(durations.outGraceMs));
  }
}
