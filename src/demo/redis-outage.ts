import process from 'node:process';

export interface RedisOutageOptions {
  readonly pid: () => number | null;
  readonly lastsMs: number;
  readonly onNews: (news: string) => void;
}

/** Suspends a redis-server for a while, as if its machine or network hung. */
export class RedisOutage {
  readonly #options: RedisOutageOptions;
  #stopped: { readonly pid: number; readonly timer: NodeJS.Timeout } | null = null;

  constructor(options: RedisOutageOptions) {
    this.#options = options;
  }

  begin(): void {
    const { pid: pidNow, lastsMs, onNews } = this.#options;
    const pid = pidNow();
    if (this.#stopped || pid === null) {
      onNews(this.#stopped ? 'is stopped already' : 'does not run: it is started again by itself');
      return;
    }
    process.kill(pid, 'SIGSTOP');
    this.#stopped = { pid, timer: setTimeout(() => this.end(), lastsMs) };
    onNews(`is stopped for ${lastsMs / 1_000} s (SIGSTOP)`);
  }

  /** Ends the outage at once, if there is one. */
  end(): void {
    if (!this.#stopped) return;
    const { pid, timer } = this.#stopped;
    this.#stopped = null;
    clearTimeout(timer);
    if (this.#options.pid() !== pid) return; // it died meanwhile
    process.kill(pid, 'SIGCONT');
    this.#options.onNews('goes on');
  }
}
