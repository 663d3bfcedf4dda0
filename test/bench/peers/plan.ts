/** What a peer is told to do, as JSON in its environment (`PLAN`). */
export interface Plan {
  readonly graphUrl: string;
  /** Of Redis or PostgreSQL; '' where it needs none. */
  readonly storeUrl: string;
  readonly calls: number;
}

/** When the calls are due: first at `firstAt` (epoch ms), then every `everyMs`. */
export interface Due {
  readonly firstAt: number;
  readonly everyMs: number;
  /** Spread evenly over `everyMs`; otherwise all in the same instant. */
  readonly spread: boolean;
}

export function readPlan(): Plan {
  return JSON.parse(process.env.PLAN ?? '') as Plan;
}

/** By how much the call of this number is due after `firstAt`, in whole ms. */
export function offsetOf(index: number, calls: number, { everyMs, spread }: Due): number {
  return spread ? Math.floor((index / calls) * everyMs) : 0;
}
