/** Why a Redis cannot be used, and what to change, each as a sentence. */
export interface Unfitness {
  readonly what: string;
  readonly fix: string;
}

/** The message says what to change. */
export class UnsuitableRedisError extends Error {
  readonly code = 'UNSUITABLE_REDIS';
  readonly unfitness: Unfitness;
  constructor(unfitness: Unfitness) {
    super(`${unfitness.what} ${unfitness.fix}`);
    this.name = 'UnsuitableRedisError';
    this.unfitness = unfitness;
  }
}
