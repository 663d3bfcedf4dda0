/** `read`: look at calls. `track`: track and stop them. `admin`: everything. */
export const SCOPES = ['read', 'track', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** The apps whose calls a client may see and touch; null: all apps. */
export type VisibleApps = ReadonlySet<string> | null;

export interface Principal {
  /** For logs and limits; not secret. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly visibleApps: VisibleApps;
  /** Requests a second; null: the default. */
  readonly rateLimit: number | null;
  /** False once the key is revoked, changed or expired. A stream asks again and again. */
  stillHolds(): boolean;
}

export type IdentifyResult =
  | { readonly kind: 'known'; readonly principal: Principal }
  /** No key is required. */
  | { readonly kind: 'anyone'; readonly principal: Principal }
  /** `reason` is for the answer and the log, and contains no part of the key. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** The key or token cannot be checked now. */
  | { readonly kind: 'unverifiable'; readonly reason: string };

export function isWithin(visibleApps: VisibleApps, app: string): boolean {
  return visibleApps === null || visibleApps.has(app);
}

export function meet(one: VisibleApps, other: VisibleApps): VisibleApps {
  if (one === null || other === null) return one ?? other;
  return new Set([...one].filter((app) => other.has(app)));
}

export function hasScope({ scopes }: Principal, scope: Scope): boolean {
  return scopes.has(scope) || scopes.has('admin');
}
