import type { Wheel } from '../../../src/calls/wheel.ts';
import type { Spread } from '../measure/statistics.ts';
import { Child } from './child.ts';

/** The stand-in for Graph (graph.ts), as the bench uses it. */
export class StandIn implements AsyncDisposable {
  readonly #child: Child;
  readonly port: number;

  private constructor(child: Child, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(): Promise<StandIn> {
    const child = new Child(new URL('../graph.ts', import.meta.url), { role: 'graph' });
    return new StandIn(child, await child.ask<number>('port'));
  }

  /** For `GRAPH_BASE_URL`. */
  get url(): string {
    return `http://127.0.0.1:${this.port}/v1.0`;
  }

  /**
   * Starts counting again. With a wheel it also measures how late each request is for its slot's
   * turn.
   */
  reset(wheel: Wheel | null = null): Promise<void> {
    return this.#child.ask('reset', wheel);
  }

  count(): Promise<number> {
    return this.#child.ask('count');
  }

  /** Rejects if fewer requests come in time. */
  async reach(wanted: number, withinMs: number): Promise<void> {
    const count = await this.#child.ask<number>('reach', { wanted, withinMs });
    if (count < wanted) throw new Error(`${count} of ${wanted} keepAlives came in ${withinMs} ms`);
  }

  /**
   * When the last of the first `first` requests came, and how late all of them were for `at` (epoch
   * ms).
   */
  since(at: number, first: number): Promise<Spread & { lastAt: number }> {
    return this.#child.ask('since', { at, first });
  }

  turnLateness(): Promise<Spread> {
    return this.#child.ask('turnLateness');
  }

  async cpuUs(): Promise<number> {
    return (await this.#child.usage()).cpuUs;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }
}
