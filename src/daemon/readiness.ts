import type { Schedule } from '../schedule/schedule.ts';
import type { RedisLink } from '../store/redis-link.ts';
import type { Turns } from './turns.ts';

export interface ReadinessOptions {
  readonly link: Pick<RedisLink, 'state' | 'cause'>;
  readonly schedule: Pick<Schedule, 'running'>;
  readonly turns: Pick<Turns, 'obstacle'>;
}

export class Readiness {
  readonly #options: ReadinessOptions;
  #isStopping = false;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Makes the replica unready for good. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Empty if it is ready. */
  reasons(): string[] {
    const { link, schedule, turns } = this.#options;
    const reasons: string[] = [];
    if (this.#isStopping) reasons.push('stopping');
    const why = link.cause?.what ?? 'it does not answer';
    if (link.state === 'waiting') reasons.push(`waiting for Redis: ${why}`);
    if (link.state === 'out') reasons.push(`Redis is out: ${why}`);
    const obstacle = turns.obstacle === null ? '' : `: ${turns.obstacle}`;
    if (!schedule.running) reasons.push(`the worker does not run${obstacle}`);
    return reasons;
  }
}
