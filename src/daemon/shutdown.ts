import { isDoneWithin } from '../calls/cut-off.ts';
import type { Context } from './context.ts';
import type { Recovery } from './recovery.ts';

export interface ShutdownNeeds {
  readonly api: { refuse(): void; drain(): Promise<void> };
  readonly keeper: { close(): void; settled(): Promise<void> };
  readonly schedule: { stop(limit: AbortSignal): Promise<void> };
  readonly watch: { stop(): Promise<void> };
  readonly owners: { stop(): Promise<void> };
  readonly webhooks: { stop(limit: AbortSignal): Promise<void> } | null;
  readonly redis: { readonly link: { readonly out: AbortSignal } };
  readonly recovery: Pick<Recovery, 'saveLast'>;
  /** All parts, to be disposed of at last. */
  readonly parts: AsyncDisposable;
}

export interface ShutdownContext {
  readonly config: Pick<Context['config'], 'shutdownMs'>;
  readonly log: Pick<Context['log'], 'error'>;
  /** These two log at intervals, and write their last lines when they are flushed. */
  readonly ownerObserver: Pick<Context['ownerObserver'], 'flush'>;
  readonly tokenLog: Pick<Context['tokenLog'], 'flush'>;
}

/** At most this much of the time to stop is left for disposing of the parts, in ms. */
const MOST_LEFT_MS = 2_000;

/**
 * Stops a replica within the configured time. First no part takes new work; all finish their work
 * concurrently, or hand it to other replicas. Then the parts are disposed of one after the other,
 * because each may need those before it.
 */
export class Shutdown {
  readonly #context: ShutdownContext;
  readonly #needs: ShutdownNeeds;
  #stopped: Promise<void> | null = null;

  constructor(context: ShutdownContext, needs: ShutdownNeeds) {
    this.#context = context;
    this.#needs = needs;
  }

  stop(): Promise<void> {
    this.#needs.api.refuse();
    this.#stopped ??= this.#within(this.#context.config.shutdownMs);
    return this.#stopped;
  }

  async #within(ms: number): Promise<void> {
    const limit = AbortSignal.timeout(ms);
    // A whole number, because AbortSignal.timeout refuses a fraction.
    const leftMs = Math.min(MOST_LEFT_MS, Math.floor(ms / 4));
    const workLimit = AbortSignal.timeout(ms - leftMs);
    await isDoneWithin(this.#stopAll(workLimit), limit);
  }

  /** A part that hangs must not keep the replica from logging and saving what it has. */
  async #stopAll(workLimit: AbortSignal): Promise<void> {
    const { recovery, parts } = this.#needs;
    await isDoneWithin(this.#finishWork(workLimit), workLimit);
    this.#context.ownerObserver.flush();
    this.#context.tokenLog.flush();
    await recovery.saveLast(workLimit);
    await parts[Symbol.asyncDispose]();
  }

  async #finishWork(limit: AbortSignal): Promise<void> {
    const { api, keeper, schedule, watch, owners, webhooks, redis } = this.#needs;
    // If Redis is out, there is nobody to hand visits to.
    const handOver = AbortSignal.any([limit, redis.link.out]);
    keeper.close();
    const results = await Promise.allSettled([
      api.drain(),
      schedule.stop(handOver),
      watch.stop(),
      owners.stop(),
      keeper.settled(),
      webhooks?.stop(handOver),
    ]);
    // The failure of one part must not keep the others from writing what they have.
    for (const result of results) {
      if (result.status === 'fulfilled') continue;
      this.#context.log.error({ err: result.reason }, 'a part did not stop');
    }
  }
}
