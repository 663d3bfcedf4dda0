/** Why a Redis cannot be used, and what to change, each as a sentence. */
export interface UnsupportedRedis {
  readonly what: string;
  readonly fix: string;
}

export class UnsupportedRedisError extends Error {
  readonly code = 'UNSUPPORTED_REDIS';
  readonly unsupported: UnsupportedRedis;
  constructor(unsupported: UnsupportedRedis) {
    super(`${unsupported.what} ${unsupported.fix}`);
    this.name = 'UnsupportedRedisError';
    this.unsupported = unsupported;
  }
}
