import { setTimeout as sleep } from 'node:timers/promises';
import type { Simulator } from '../../src/simulator/simulator.ts';
import type { Replica } from './replica.ts';

/** Epoch ms. */
export interface BotCall {
  readonly id: string;
  createdAt: number;
  /** When the last tracking was acknowledged. */
  trackedAt: number;
  /** How often it was tracked. */
  registrations: number;
  /** False if the acknowledgement was a 202: then only `by` knows of it. */
  durable: boolean;
  by: Replica;
  /**
   * When DELETE was first sent, and when it was acknowledged with 204; a 202 is recorded
   * separately.
   */
  stopAskedAt: number | null;
  stoppedAt: number | null;
  stoppedSoftlyAt: number | null;
  hungUpAt: number | null;
}

interface Acknowledged {
  readonly status: number;
  readonly by: Replica;
  readonly at: number;
}

const PATIENCE_MS = 40_000;
const ANSWER_MS = 4_000;

/** A bot that asks any living replica, and repeats each request until it is answered. */
export class Bot {
  readonly calls = new Map<string, BotCall>();
  readonly #simulator: Simulator;
  readonly #replicas: () => readonly Replica[];
  readonly #random: () => number;

  constructor(
    simulator: Simulator,
    replicas: () => readonly Replica[],
    random: () => number = Math.random,
  ) {
    this.#simulator = simulator;
    this.#replicas = replicas;
    this.#random = random;
  }

  get wanted(): BotCall[] {
    return [...this.calls.values()].filter(
      (call) => call.stopAskedAt === null && call.hungUpAt === null,
    );
  }

  async startCalls(count: number, body: object = {}, at?: Replica): Promise<BotCall[]> {
    const started: BotCall[] = [];
    const startOne = async () => {
      started.push(await this.track(this.#simulator.createCall(), body, at));
    };
    for (let left = count; left > 0; left -= 16) {
      await Promise.all(Array.from({ length: Math.min(16, left) }, startOne));
    }
    return started;
  }

  /** Also tracks again. */
  async track(id: string, body: object = {}, at?: Replica): Promise<BotCall> {
    const createdAt = Date.now();
    const isOver = (this.calls.get(id)?.hungUpAt ?? null) !== null;
    const { status, by, at: trackedAt } = await this.#ask('POST', id, [200, 201, 202], body, at);
    const durable = status !== 202;
    const known = this.calls.get(id);
    if (known) {
      const registrations = known.registrations + 1;
      // If the bot hung up while this request was under way, the call stays over.
      const restart = isOver ? { createdAt, hungUpAt: null } : {};
      const answered = { trackedAt, registrations, durable, by };
      return Object.assign(known, answered, UNSTOPPED, restart);
    }
    const own = { ...UNSTOPPED, hungUpAt: null };
    const call: BotCall = { id, createdAt, trackedAt, registrations: 1, durable, by, ...own };
    this.calls.set(id, call);
    return call;
  }

  async stopCall(call: BotCall, at?: Replica): Promise<void> {
    call.stopAskedAt ??= Date.now();
    const answer = await this.#ask('DELETE', call.id, [204, 202], undefined, at);
    if (answer.status === 204) call.stoppedAt = answer.at;
    else call.stoppedSoftlyAt = answer.at;
  }

  /** The bot hangs up at Graph without a word to the daemon. */
  hangUp(call: BotCall): void {
    call.hungUpAt = Date.now();
    this.#simulator.endCall(call.id);
  }

  async #ask(
    method: string,
    id: string,
    statuses: readonly number[],
    body?: object,
    at?: Replica,
  ): Promise<Acknowledged> {
    const until = Date.now() + PATIENCE_MS;
    let last = 'no replica lives';
    while (Date.now() < until) {
      const living = at ? [at] : this.#replicas().filter((replica) => replica.isLiving);
      const replica = living[Math.floor(this.#random() * living.length)];
      const status = replica && (await send(replica, method, id, body));
      if (typeof status === 'number' && statuses.includes(status)) {
        return { status, by: replica as Replica, at: Date.now() };
      }
      last = `${replica?.name} answers ${status}`;
      await sleep(100);
    }
    throw new Error(`${method} ${id} was not acknowledged in ${PATIENCE_MS} ms: ${last}`);
  }
}

const UNSTOPPED = { stopAskedAt: null, stoppedAt: null, stoppedSoftlyAt: null };

async function send(
  replica: Replica,
  method: string,
  id: string,
  body?: object,
): Promise<number | string> {
  try {
    const answer = await fetch(`${replica.url}/calls/${id}/track`, {
      method,
      signal: AbortSignal.timeout(ANSWER_MS),
      ...(body
        ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
        : {}),
    });
    await answer.arrayBuffer();
    return answer.status;
  } catch (error) {
    return String(error);
  }
}
