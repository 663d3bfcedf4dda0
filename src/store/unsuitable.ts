/** Why a Redis must not be used as it is, and what to change, each a sentence. */
export interface Unfitness {
  readonly what: string;
  readonly fix: string;
}

/** This Redis must not be used as it is; the message says what to change. */
export class UnsuitableRedisError extends Error {
  readonly code = 'UNSUITABLE_REDIS';
  readonly unfitness: Unfitness;
  constructor(unfitness: Unfitness) {
    super(`${unfitness.what} ${unfitness.fix}`);
    this.name = 'UnsuitableRedisError';
    this.unfitness = unfitness;
  }
}
