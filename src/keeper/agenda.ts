import TinyQueue from 'tinyqueue';
import type { Clock } from '../calls/ports.ts';

export interface Planned {
  readonly id: string;
  readonly at: number;
  /** How late an attempt that another replica planned must be before this one makes it, in ms. */
  readonly graceMs: number;
  /** Due even if it was renewed since its turn, unless it waits for its next attempt. */
  readonly isAgain?: boolean;
}

/** The longest sleep, in ms: somebody may set the clock meanwhile. */
const MOST_SLEEP_MS = 1_000;
const LEAST_SLEEP_MS = 5;

/** The heap is rebuilt when it has this many superseded items. */
const MOST_STALE = 1_000;

/** The calls to check later, each at the earliest instant asked for, with one sleep for all. */
export class Agenda {
  readonly #clock: Clock;
  readonly #onDue: (due: readonly Planned[]) => void;
  readonly #onFatal: ((error: Error) => void) | undefined;
  readonly #planned = new Map<string, Planned>();
  #heap = newHeap();
  #stopped = false;
  #running: Promise<void> | null = null;
  #wake = new AbortController();
  #sleepsUntil = Number.NEGATIVE_INFINITY;

  /** @param onFatal called with an unexpected error: this replica cannot go on */
  constructor(
    clock: Clock,
    onDue: (due: readonly Planned[]) => void,
    onFatal?: (error: Error) => void,
  ) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#onFatal = onFatal;
  }

  has(id: string, by: number): boolean {
    return (this.#planned.get(id)?.at ?? Number.POSITIVE_INFINITY) <= by;
  }

  add(item: Planned): void {
    const known = this.#planned.get(item.id);
    if (this.#stopped || (known && known.at <= item.at)) return;
    this.#planned.set(item.id, item);
    this.#heap.push(item);
    if (this.#heap.length > this.#planned.size + MOST_STALE) this.#rebuild();
    if (item.at < this.#sleepsUntil) this.#wake.abort();
    this.#running ??= this.#run().catch(this.#onFatal);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    await null; // items that the caller adds right after this one share one sleep
    while (!this.#stopped && this.#planned.size > 0) {
      const due = this.#takeDue();
      if (due.length > 0) this.#onDue(due);
      else await this.#sleep();
    }
    this.#running = null;
  }

  #takeDue(): Planned[] {
    const now = this.#clock.now();
    const due: Planned[] = [];
    for (let item = this.#heap.peek(); item && item.at <= now; item = this.#heap.peek()) {
      this.#heap.pop();
      if (this.#planned.get(item.id) !== item) continue; // an earlier one superseded it
      this.#planned.delete(item.id);
      due.push(item);
    }
    return due;
  }

  async #sleep(): Promise<void> {
    const now = this.#clock.now();
    const at = this.#heap.peek()?.at ?? Number.POSITIVE_INFINITY;
    const ms = Math.min(MOST_SLEEP_MS, Math.max(LEAST_SLEEP_MS, at - now));
    this.#sleepsUntil = now + ms;
    this.#wake = new AbortController();
    await this.#clock.sleep(ms, this.#wake.signal);
    this.#sleepsUntil = Number.NEGATIVE_INFINITY;
  }

  #rebuild(): void {
    this.#heap = newHeap([...this.#planned.values()]);
  }
}

function newHeap(items: Planned[] = []): TinyQueue<Planned> {
  return new TinyQueue<Planned>(items, (a, b) => a.at - b.at);
}
