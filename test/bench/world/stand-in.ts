import type { Wheel } from '../../../src/calls/wheel.ts';
import type { Spread } from '../measure/statistics.ts';
import { Child } from './child.ts';

/** The process that stands in Graph's place (graph.ts), as the bench sees it. */
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

  /** As `GRAPH_BASE_URL` has it. */
  get url(): string {
    return `http://127.0.0.1:${this.port}/v1.0`;
  }

  /** Counts from here on; with a wheel, how late each request is for its slot's turn as well. */
  reset(wheel: Wheel | null = null): Promise<void> {
    return this.#child.ask('reset', wheel);
  }

  count(): Promise<number> {
    return this.#child.ask('count');
  }

  /** Rejects where so many requests do not come in time. */
  async reach(wanted: number, withinMs: number): Promise<void> {
    const count = await this.#child.ask<number>('reach', { wanted, withinMs });
    if (count < wanted) throw new Error(`${count} of ${wanted} keepAlives came in ${withinMs} ms`);
  }

  /** Of the first so many requests: when the last came, and how late they were for an instant (epoch ms). */
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
