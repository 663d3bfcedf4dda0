/**
 * The bots: tracks calls as fast as the API accepts them, and waits when it answers `Retry-After`.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import type { Load, LoadResult } from './measure/load.ts';
import { spreadOf } from './measure/statistics.ts';
import { serve } from './rpc.ts';

class Bots {
  readonly #load: Load;
  readonly #until: number;
  readonly #latencies: number[] = [];
  readonly #statuses: Record<string, number> = {};
  #requests = 0;
  #calls = 0;
  #withoutRetryAfter = 0;
  #next = 0;

  constructor(load: Load) {
    this.#load = load;
    this.#until = performance.now() + (load.durationMs ?? Number.POSITIVE_INFINITY);
  }

  async run(): Promise<LoadResult> {
    const startedAt = performance.now();
    const clients = Array.from({ length: this.#load.clients }, (_, i) => this.#client(i));
    await Promise.all(clients);
    return {
      requests: this.#requests,
      calls: this.#calls,
      elapsedMs: performance.now() - startedAt,
      latency: spreadOf(this.#latencies),
      statuses: this.#statuses,
      withoutRetryAfter: this.#withoutRetryAfter,
    };
  }

  async #client(index: number): Promise<void> {
    const { url, inFlight, keys, callsPerClient = Number.POSITIVE_INFINITY } = this.#load;
    const pool = new Pool(url, { connections: inFlight });
    const key = keys?.[index];
    const headers: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
    let left = callsPerClient;
    const loop = async () => {
      while (left > 0 && performance.now() < this.#until) {
        const count = Math.min(left, this.#load.batch);
        left -= count;
        await this.#track(pool, headers, count);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, loop));
    await pool.close();
  }

  /** Repeats the request until the API accepts it. */
  async #track(pool: Pool, headers: Record<string, string>, count: number): Promise<void> {
    const request = this.#request(count);
    for (;;) {
      const sentAt = performance.now();
      const answer = await pool.request({
        method: 'POST',
        path: request.path,
        headers: { ...headers, 'content-type': 'application/json' },
        body: request.body,
      });
      await answer.body.dump();
      this.#latencies.push(performance.now() - sentAt);
      const { statusCode: status } = answer;
      this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
      if (status < 300) break;
      const retryAfter = Number(answer.headers['retry-after']);
      if (!(retryAfter > 0)) {
        this.#withoutRetryAfter++;
        if (status !== 429) throw new Error(`${request.path} was answered with ${status}`);
      }
      await sleep(1_000 * (retryAfter || 1));
    }
    this.#requests++;
    this.#calls += count;
  }

  #request(count: number): { path: string; body: string } {
    const { batch } = this.#load;
    const body = { labels: { room: 'board' } };
    if (batch === 1) return { path: `/calls/${this.#id()}/track`, body: JSON.stringify(body) };
    const calls = Array.from({ length: count }, () => ({ id: this.#id(), ...body }));
    return { path: '/calls/track', body: JSON.stringify({ calls }) };
  }

  #id(): string {
    const { ids } = this.#load;
    return ids?.[this.#next++ % ids.length] ?? randomUUID();
  }
}

serve({ run: (load: Load) => new Bots(load).run() });
