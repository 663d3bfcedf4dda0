/** What happened within a minute, for one cause. */
export interface Summary<T> {
  /** The first one is written at once, the others once a minute; the last says that it is over. */
  readonly kind: 'first' | 'more' | 'over';
  readonly count: number;
  /** Different calls among them. */
  readonly calls: number;
  /** When it began, epoch ms. */
  readonly since: number;
  /** The latest. */
  readonly example: T;
}

interface Window<T> {
  readonly since: number;
  readonly timer: NodeJS.Timeout;
  count: number;
  total: number;
  readonly calls: Set<string>;
  example: T;
}

const MINUTE_MS = 60_000;
/** More causes than these share one: their texts come from elsewhere. */
const MOST_CAUSES = 50;
const OTHERS = 'others';

/** Writes one line per cause and minute instead of one for each time. */
export class Summaries<T> {
  readonly #write: (summary: Summary<T>) => void;
  readonly #windows = new Map<string, Window<T>>();

  constructor(write: (summary: Summary<T>) => void) {
    this.#write = write;
  }

  add(cause: string, call: string, example: T): void {
    const isFull = this.#windows.size >= MOST_CAUSES && !this.#windows.has(cause);
    const key = isFull ? OTHERS : cause;
    const window = this.#windows.get(key);
    if (window === undefined) {
      this.#open(key, example);
      return;
    }
    window.count += 1;
    window.total += 1;
    window.calls.add(call);
    window.example = example;
  }

  /** Writes what is counted, because the process ends. */
  flush(): void {
    for (const [key, window] of this.#windows) {
      clearInterval(window.timer);
      this.#windows.delete(key);
      if (window.count > 0) this.#say('more', window);
    }
  }

  #open(key: string, example: T): void {
    const timer = setInterval(() => this.#close(key), MINUTE_MS).unref();
    const window = {
      since: Date.now(),
      timer,
      count: 0,
      total: 1,
      calls: new Set<string>(),
      example,
    };
    this.#windows.set(key, window);
    this.#write({ kind: 'first', count: 1, calls: 1, since: window.since, example });
  }

  #close(key: string): void {
    const window = this.#windows.get(key);
    if (window === undefined) return;
    if (window.count > 0) {
      this.#say('more', window);
      window.count = 0;
      window.calls.clear();
      return;
    }
    clearInterval(window.timer);
    this.#windows.delete(key);
    const { total: count, since, example } = window;
    if (count > 1) this.#write({ kind: 'over', count, calls: 0, since, example });
  }

  #say(kind: 'more', { count, calls, since, example }: Window<T>): void {
    this.#write({ kind, count, calls: calls.size, since, example });
  }
}
