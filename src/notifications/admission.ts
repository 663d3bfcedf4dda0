import { SigningKeysError } from '../jwt/signing-keys.ts';
import { InvalidTokenError } from '../jwt/verify.ts';
import type { GraphTokenVerifier } from './graph-token.ts';

/**
 * Either the app whose calls the notifications track (undefined: the default) and the apps whose
 * calls they may change (null: all), or why they are refused.
 */
export type Admission =
  | {
      readonly kind: 'admitted';
      readonly app: string | undefined;
      readonly visibleApps: ReadonlySet<string> | null;
    }
  | { readonly kind: 'refused' | 'unverifiable'; readonly message: string };

export interface AdmissionDeps {
  readonly verifier: Pick<GraphTokenVerifier, 'verify'>;
  /** The configured apps by name. */
  readonly apps: ReadonlyMap<string, { readonly clientId: string }>;
  readonly defaultApp: string;
}

/**
 * Checks Graph's token, and finds the app of the notifications: the one that the request names, or
 * the one whose client id is the token's audience, or the default.
 *
 * @param authorization the header that Graph sent
 */
export async function admit(
  { verifier, apps, defaultApp }: AdmissionDeps,
  authorization: string | undefined,
  named: string | undefined,
): Promise<Admission> {
  try {
    const audience = await verifier.verify(authorization);
    const theirs = [...apps].flatMap(([name, { clientId }]) => (clientId === audience ? name : []));
    // A configured audience belongs to no particular app.
    if (theirs.length === 0) return admitted(named, named === undefined ? null : [named]);
    const app = named ?? (theirs.includes(defaultApp) ? defaultApp : theirs[0]);
    if (app !== undefined && theirs.includes(app)) {
      return admitted(app, named === undefined ? theirs : [named]);
    }
    return { kind: 'refused', message: `the token is for another app than ${named}` };
  } catch (error) {
    if (error instanceof InvalidTokenError) return { kind: 'refused', message: error.message };
    if (error instanceof SigningKeysError) return { kind: 'unverifiable', message: error.message };
    throw error;
  }
}

function admitted(app: string | undefined, apps: readonly string[] | null): Admission {
  return { kind: 'admitted', app, visibleApps: apps && new Set(apps) };
}
