/** A peer gets it as JSON in the variable `PLAN`. */
export interface Plan {
  readonly graphUrl: string;
  /** URL of Redis or PostgreSQL; '' if the peer needs none. */
  readonly storeUrl: string;
  readonly calls: number;
}

/** When the calls are due: first at `firstAt` (epoch ms), then every `everyMs`. */
export interface Due {
  readonly firstAt: number;
  readonly everyMs: number;
  /** true: spread evenly over `everyMs`; false: all at the same instant. */
  readonly spread: boolean;
}

export function readPlan(): Plan {
  return JSON.parse(process.env.PLAN ?? '') as Plan;
}

/** When the call with this number is due, in whole ms after `firstAt`. */
export function offsetOf(index: number, calls: number, { everyMs, spread }: Due): number {
  return spread ? Math.floor((index / calls) * everyMs) : 0;
}
