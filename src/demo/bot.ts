import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyReplica } from './any-replica.ts';
import type { PhoneSystem } from './phone-system.ts';
import type { PromisedCalls } from './promised-calls.ts';

type Ending =
  /** The bot tells Callkeeper, then hangs up at Graph. */
  | 'told'
  /** The bot hangs up and tells nobody: Callkeeper learns it from Graph. */
  | 'untold'
  /** Everybody else has left: Graph ends it. */
  | 'byItself';

const ENDINGS: readonly Ending[] = ['told', 'untold', 'byItself'];

const CALLS = 6;
const SHORTEST_MS = 8_000;
const LONGEST_MS = 70_000;
const TICK_MS = 500;
/** The shortest lease that Callkeeper accepts. */
export const LEASE_S = 10;
/** Three times per lease, so that one request may fail. */
const RENEW_MS = 3_000;

export interface BotOptions {
  readonly name: string;
  readonly graph: Pick<PhoneSystem, 'createCall' | 'endCall' | 'isAlive'>;
  readonly callkeeper: Pick<AnyReplica, 'ask'>;
  readonly promised: Pick<PromisedCalls, 'give' | 'release'>;
  readonly random: () => number;
  readonly onHangUp: (callId: string, isTold: boolean) => void;
  readonly onNews: (news: string) => void;
}

interface OwnCall {
  readonly id: string;
  readonly ending: Ending;
  readonly endsAt: number;
}

/**
 * A bot that has some calls at a time and lets Callkeeper track each of them. It renews one lease
 * for all of them. It may crash and start again.
 */
export class Bot {
  readonly #options: BotOptions;
  /** Like a database: it outlives a crash of the bot. */
  readonly #calls = new Map<string, OwnCall>();
  readonly #leaving = new Set<string>();
  readonly #busy = new Set<Promise<void>>();
  /** Aborted when the process ends; null while none runs. */
  #process: AbortController | null = null;

  constructor(options: BotOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#process !== null;
  }

  has(callId: string): boolean {
    return this.#calls.has(callId);
  }

  start(): void {
    if (this.#process) return;
    this.#process = new AbortController();
    const { signal } = this.#process;
    this.#do(() => this.#run(signal));
  }

  /** Stops everything at once, as a crash does. */
  crash(): void {
    if (!this.#process) return;
    const { promised, onNews } = this.#options;
    this.#end();
    // Callkeeper may have stopped these already.
    for (const id of this.#leaving) promised.release(id);
    this.#leaving.clear();
    onNews(`crashed: it no longer renews the lease of its ${this.#calls.size} calls`);
  }

  /** Resolves when no request is in flight. */
  async stop(): Promise<void> {
    this.#end();
    await Promise.all(this.#busy);
  }

  #end(): void {
    this.#process?.abort();
    this.#process = null;
  }

  async #run(signal: AbortSignal): Promise<void> {
    // First the lease: Callkeeper would stop the calls of a lost owner again.
    await this.#renewLease(signal);
    if (this.#calls.size > 0) await this.#trackAgain(signal);
    await Promise.all([this.#keepLease(signal), this.#tendCalls(signal)]);
  }

  async #keepLease(signal: AbortSignal): Promise<void> {
    while (await pause(RENEW_MS, signal)) await this.#renewLease(signal);
  }

  async #tendCalls(signal: AbortSignal): Promise<void> {
    do {
      const now = performance.now();
      for (const call of this.#calls.values()) if (call.endsAt <= now) this.#hangUp(call, signal);
      if (this.#calls.size < CALLS) this.#call(now, signal);
    } while (await pause(TICK_MS, signal));
  }

  async #renewLease(signal: AbortSignal): Promise<void> {
    const { callkeeper, name } = this.#options;
    await callkeeper.ask('PUT', `/owners/${name}`, { leaseSeconds: LEASE_S }, signal);
  }

  async #trackAgain(signal: AbortSignal): Promise<void> {
    const { graph, callkeeper, promised, name: owner, onNews } = this.#options;
    const known = [...this.#calls.keys()];
    const alive = known.filter((id) => graph.isAlive(id));
    for (const id of known) if (!alive.includes(id)) this.#calls.delete(id);
    const count = `${alive.length} of its ${known.length} calls`;
    onNews(`is back: Graph still has ${count}${alive.length > 0 ? ', which it tracks again' : ''}`);
    if (alive.length === 0) return;
    const calls = alive.map((id) => ({ id, owner }));
    if (!(await callkeeper.ask('POST', '/calls/track', { calls }, signal))) return;
    for (const id of alive) promised.give(id);
  }

  #call(now: number, signal: AbortSignal): void {
    const { graph, callkeeper, promised, random, name: owner } = this.#options;
    const lastsMs = SHORTEST_MS + random() * (LONGEST_MS - SHORTEST_MS);
    const ending = ENDINGS[Math.floor(random() * ENDINGS.length)] ?? 'told';
    const id = graph.createCall(ending === 'byItself' ? { endsAfterMs: lastsMs } : {});
    this.#calls.set(id, { id, ending, endsAt: now + lastsMs });
    this.#do(async () => {
      if (await callkeeper.ask('POST', `/calls/${id}/track`, { owner }, signal)) promised.give(id);
    });
  }

  #hangUp({ id, ending }: OwnCall, signal: AbortSignal): void {
    const { graph, callkeeper, onHangUp } = this.#options;
    if (this.#leaving.has(id)) return;
    if (ending !== 'byItself') onHangUp(id, ending === 'told');
    const leave = () => {
      if (ending !== 'byItself') graph.endCall(id);
      this.#leaving.delete(id);
      this.#calls.delete(id);
    };
    if (ending !== 'told') {
      leave();
      return;
    }
    this.#leaving.add(id);
    this.#do(async () => {
      if (await callkeeper.ask('DELETE', `/calls/${id}/track`, null, signal)) leave();
    });
  }

  #do(task: () => Promise<void>): void {
    const running = task().finally(() => this.#busy.delete(running));
    this.#busy.add(running);
  }
}

/** Resolves with whether the signal lets it go on. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}
