/** The requests that a fault applies to: by default all, until it is cleared. */
export interface Scope {
  /** Probability, 0 to 1, drawn for each request. */
  share?: number;
  /** Only requests for these calls. */
  callIds?: string[];
  /** Only requests of these tenants: their token requests, and keepAlives with their tokens. */
  tenantIds?: string[];
  /** Only this many of the next requests. */
  count?: number;
}

/** What a request is about; null if unknown. */
export interface Subject {
  readonly callId: string | null;
  readonly tenantId: string | null;
}

/** What the simulated Graph does instead of, or (`delay`, `skew`) to, its answer to a keepAlive. */
export type GraphFault = Scope &
  /** With Graph's error for this status; `body` replaces it, and an empty one sends none. */
  (
    | { kind: 'status'; status: number; headers?: Record<string, string>; body?: string }
    /** The 404 page of a proxy. */
    | { kind: 'html404' }
    /** A login page with a 200, as from a captive portal or a signed-out proxy. */
    | { kind: 'html200' }
    /** A 404 as from a gateway: in an envelope like Graph's, but without Graph's request id. */
    | { kind: 'gateway404' }
    /** A 404 of Graph itself for a call that exists: `UnknownError`, "404 page not found". */
    | { kind: 'unknown404' }
    | { kind: 'hang' }
    | { kind: 'delay'; delayMs: number }
    /** The usual answer, with a `Date` that is this far ahead. */
    | { kind: 'skew'; aheadMs: number }
    | { kind: 'reset' }
    /** 200 and half of the promised body, then the connection is destroyed. */
    | { kind: 'cutBody' }
    | { kind: 'endlessBody' }
    | { kind: 'malformed' }
  );

/** What the simulated Entra does to a token request. */
export type EntraFault = Scope &
  (
    | { kind: 'status'; status: number; aadsts?: number; headers?: Record<string, string> }
    | { kind: 'hang' }
    | { kind: 'delay'; delayMs: number }
  );

/** The faults that are set. Chance is seeded, so that a run can be repeated. */
export class Faults<F extends Scope> {
  readonly #random: () => number;
  #faults: F[] = [];

  constructor(seed: number) {
    this.#random = mulberry32(seed);
  }

  set(fault: F): void {
    this.#faults.push({ ...fault });
  }

  clear(): void {
    this.#faults = [];
  }

  next(subject: Subject): F | null {
    const fault = this.#faults.find((candidate) => this.#meets(candidate, subject));
    if (fault?.count !== undefined) this.#spend(fault);
    return fault ?? null;
  }

  #meets(fault: F, { callId, tenantId }: Subject): boolean {
    if (!isAmong(fault.callIds, callId) || !isAmong(fault.tenantIds, tenantId)) return false;
    return fault.share === undefined || this.#random() < fault.share;
  }

  #spend(fault: F): void {
    const left = (fault.count ?? 1) - 1;
    fault.count = left;
    if (left <= 0) this.#faults = this.#faults.filter((other) => other !== fault);
  }
}

function isAmong(ids: string[] | undefined, id: string | null): boolean {
  return ids === undefined || (id !== null && ids.includes(id));
}

/** Tommy Ettinger's mulberry32 (public domain): small, and the same everywhere for a seed. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
