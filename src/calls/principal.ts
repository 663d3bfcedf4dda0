/** What somebody may do: look at calls; have them tracked; everything. */
export const SCOPES = ['read', 'track', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** The apps whose calls somebody may see and touch; null: all apps. */
export type Reach = ReadonlySet<string> | null;

/** Who asks. */
export interface Principal {
  /** For logs and limits; no secret. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly reach: Reach;
  /** Requests a second; null: as many as anybody. */
  readonly rateLimit: number | null;
  /** False once the key is revoked, changed or has expired: an answer that goes on asks again. */
  stillHolds(): boolean;
}

/** What is known of who asks, by what they bring. */
export type Identity =
  | { readonly kind: 'known'; readonly principal: Principal }
  /** Nobody has to bring anything. */
  | { readonly kind: 'anyone'; readonly principal: Principal }
  /** `reason` is for them and the log, and holds nothing of what they brought. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** It cannot be checked now. */
  | { readonly kind: 'unverifiable'; readonly reason: string };

export function isWithin(reach: Reach, app: string): boolean {
  return reach === null || reach.has(app);
}

/** The apps that both allow. */
export function meet(one: Reach, other: Reach): Reach {
  if (one === null || other === null) return one ?? other;
  return new Set([...one].filter((app) => other.has(app)));
}

export function hasScope({ scopes }: Principal, scope: Scope): boolean {
  return scopes.has(scope) || scopes.has('admin');
}
