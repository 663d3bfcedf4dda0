/** What happened within a minute because of one cause. */
export interface FailureSummary<T> {
  /** `first` is written at once, `more` once a minute, `over` after a minute without a failure. */
  readonly kind: 'first' | 'more' | 'over';
  readonly count: number;
  readonly calls: number;
  /** When it began, epoch ms. */
  readonly since: number;
  /** The latest. */
  readonly example: T;
  /** It counts several causes together, because there are too many; the example has one of them. */
  readonly isMixed: boolean;
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
/** Further causes are counted as one. They contain text of Graph, so their number has no limit. */
const MOST_CAUSES = 50;
const OTHERS = 'others';

/** Reports each cause once a minute instead of each time. */
export class Summaries<T> {
  readonly #write: (summary: FailureSummary<T>) => void;
  readonly #windows = new Map<string, Window<T>>();

  constructor(write: (summary: FailureSummary<T>) => void) {
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

  flush(): void {
    for (const [key, window] of this.#windows) {
      clearInterval(window.timer);
      this.#windows.delete(key);
      if (window.count > 0) this.#writeMore(key, window);
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
    this.#write({ ...summaryOf(key, window), kind: 'first', count: 1, calls: 1 });
  }

  #close(key: string): void {
    const window = this.#windows.get(key);
    if (window === undefined) return;
    if (window.count > 0) {
      this.#writeMore(key, window);
      window.count = 0;
      window.calls.clear();
      return;
    }
    clearInterval(window.timer);
    this.#windows.delete(key);
    const { total: count } = window;
    if (count > 1) this.#write({ ...summaryOf(key, window), kind: 'over', count, calls: 0 });
  }

  #writeMore(key: string, window: Window<T>): void {
    const { count, calls } = window;
    this.#write({ ...summaryOf(key, window), kind: 'more', count, calls: calls.size });
  }
}

function summaryOf<T>(key: string, { since, example }: Window<T>) {
  return { since, example, isMixed: key === OTHERS };
}
