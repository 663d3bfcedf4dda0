export interface CallkeeperOptions {
  /** One URL, or one of each replica; by default CALLKEEPER_URL, with commas between several. */
  readonly baseUrl?: string | readonly string[] | undefined;
  /** By default CALLKEEPER_API_KEY; null: none. */
  readonly apiKey?: string | null | undefined;
  /** For one attempt, in ms; default 10 s. If Callkeeper waits for a keepAlive, at least 40 s. */
  readonly attemptMs?: number | undefined;
  /**
   * For a request with all its retries, in ms; default 2 min, longer than a deploy. Never shorter
   * than one attempt, except if the request itself has a limit.
   */
  readonly totalMs?: number | undefined;
  /**
   * Replaces Node's own, for a private CA or a proxy. An error that it throws counts as a failed
   * attempt, which is repeated.
   */
  readonly fetch?: typeof fetch | undefined;
}
