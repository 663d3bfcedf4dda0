import { setTimeout as sleep } from 'node:timers/promises';

/** How a call comes to its end. */
type Ending =
  /** The bot tells Callkeeper, then hangs up at Graph. */
  | 'told'
  /** The bot hangs up and tells nobody: Callkeeper learns it from Graph. */
  | 'untold'
  /** Everybody else has left: Graph ends it. */
  | 'byItself';

const ENDINGS: readonly Ending[] = ['told', 'untold', 'byItself'];

/** So many calls the bot is in at once. */
const CALLS = 12;
/** How long a call lasts, in ms. */
const SHORTEST_MS = 8_000;
const LONGEST_MS = 70_000;
/** Between two looks of the bot at its calls. */
const TICK_MS = 500;
/** For one answer of Callkeeper, and between two rounds through the replicas. */
const ANSWER_MS = 3_000;
const RETRY_MS = 500;

/** What the bot needs of Graph. */
export interface PhoneSystem {
  createCall(options: { endsAfterMs?: number }): string;
  endCall(id: string): unknown;
}

export interface BotOptions {
  readonly graph: PhoneSystem;
  /** Base URLs of the replicas; any of them will do. */
  readonly replicas: readonly string[];
  readonly random: () => number;
  readonly onHangUp: (callId: string, isTold: boolean) => void;
}

interface OwnCall {
  readonly id: string;
  readonly ending: Ending;
  readonly endsAt: number;
}

/** A bot that is in some calls at a time, and has Callkeeper track each of them. */
export class Bot {
  readonly #options: BotOptions;
  readonly #stopped = new AbortController();
  readonly #calls = new Set<OwnCall>();
  readonly #busy = new Set<Promise<void>>();
  /** Ids that Callkeeper has promised to keep alive. */
  readonly promised = new Set<string>();

  constructor(options: BotOptions) {
    this.#options = options;
  }

  /** Resolves when it has been stopped and waits for no answer any more. */
  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const now = performance.now();
      for (const call of this.#calls) if (call.endsAt <= now) this.#hangUp(call);
      if (this.#calls.size < CALLS) this.#call(now);
      await sleep(TICK_MS, undefined, { signal }).catch(() => undefined);
    }
    await Promise.all(this.#busy);
  }

  stop(): void {
    this.#stopped.abort();
  }

  #call(now: number): void {
    const { graph, random } = this.#options;
    const lastsMs = SHORTEST_MS + random() * (LONGEST_MS - SHORTEST_MS);
    const ending = ENDINGS[Math.floor(random() * ENDINGS.length)] ?? 'told';
    const id = graph.createCall(ending === 'byItself' ? { endsAfterMs: lastsMs } : {});
    this.#calls.add({ id, ending, endsAt: now + lastsMs });
    this.#do(async () => {
      if (await this.#ask('POST', id)) this.promised.add(id);
    });
  }

  #hangUp(call: OwnCall): void {
    const { graph, onHangUp } = this.#options;
    const { id, ending } = call;
    this.#calls.delete(call);
    if (ending === 'byItself') return;
    onHangUp(id, ending === 'told');
    this.#do(async () => {
      if (ending === 'told') await this.#ask('DELETE', id);
      graph.endCall(id);
    });
  }

  /** Asks one replica, then the other, until one of them has said yes: as a bot should. */
  async #ask(method: 'POST' | 'DELETE', id: string): Promise<boolean> {
    const { replicas, random } = this.#options;
    const { signal } = this.#stopped;
    for (let turn = Math.floor(random() * replicas.length); !signal.aborted; turn++) {
      const url = `${replicas[turn % replicas.length]}/calls/${id}/track`;
      const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
      const answer = await fetch(url, { method, signal: limit }).catch(() => null);
      await answer?.arrayBuffer().catch(() => undefined);
      if (answer?.ok) return true;
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
    return false;
  }

  #do(task: () => Promise<void>): void {
    const running = task().finally(() => this.#busy.delete(running));
    this.#busy.add(running);
  }
}
