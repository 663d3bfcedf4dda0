import process from 'node:process';

export interface RedisOutageOptions {
  /** Of the redis-server; null while there is none. */
  readonly pid: () => number | null;
  readonly lastsMs: number;
  /** What befell Redis, in words. */
  readonly onNews: (news: string) => void;
}

/** Stops a redis-server in its tracks for a while, as a machine or a network does that hangs. */
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

  /** At once; nothing where none is under way. */
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
