import { Bot, type BotOptions } from './bot.ts';

export interface BotsOptions
  extends Pick<BotOptions, 'graph' | 'callkeeper' | 'promised' | 'random'> {
  readonly names: readonly string[];
  readonly onHangUp: (bot: string, callId: string, isTold: boolean) => void;
  readonly onNews: (bot: string, news: string) => void;
}

/** The bots of the demo, at most one of which is dead at a time. */
export class Bots {
  readonly #options: BotsOptions;
  readonly #bots: readonly Bot[];
  #next = 0;

  constructor(options: BotsOptions) {
    const { names, onHangUp, onNews } = options;
    this.#options = options;
    this.#bots = names.map((name) => {
      return new Bot({
        ...options,
        name,
        onHangUp: (callId, isTold) => onHangUp(name, callId, isTold),
        onNews: (news) => onNews(name, news),
      });
    });
  }

  start(): void {
    for (const bot of this.#bots) bot.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#bots.map((bot) => bot.stop()));
  }

  killOrStart(): void {
    const dead = this.#bots.find((bot) => !bot.running);
    if (dead) dead.start();
    else this.#bots[this.#next++ % this.#bots.length]?.crash();
  }

  /**
   * Callkeeper says that it stopped a call because its owner was lost. That releases it from its
   * promise only if the bot is really dead.
   */
  ownerLost(callId: string): void {
    const owner = this.#bots.find((bot) => bot.has(callId));
    if (owner && !owner.running) this.#options.promised.release(callId);
  }
}
