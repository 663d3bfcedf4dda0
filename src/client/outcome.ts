/**
 * The limit of a request that Callkeeper answers only when it has the outcome of a keepAlive, in
 * ms. Callkeeper waits for 30 s; the rest is for the network and Redis.
 */
export const OUTCOME_MS = 40_000;
