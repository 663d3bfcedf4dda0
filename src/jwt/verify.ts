import { type JWTPayload, jwtVerify } from 'jose';
import { type SigningKeys, SigningKeysError } from './signing-keys.ts';

/** A token is missing or invalid; the message says why, without quoting it. */
export class InvalidTokenError extends Error {
  readonly code = 'TOKEN';
}

export interface Expected {
  readonly keys: Pick<SigningKeys, 'find'>;
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  /** epoch ms */
  readonly now: number;
}

/** The tolerance for clocks, as in Microsoft's libraries. */
export const SKEW_S = 300;

export function bearerOf(authorization: string | undefined): string | null {
  return /^Bearer +([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1] ?? null;
}

/**
 * The claims of a token that Microsoft signed for us. Only RS256 is accepted, so neither `none` nor
 * a public key used as a secret gets through.
 *
 * @throws InvalidTokenError, SigningKeysError
 */
export async function verifyToken(token: string, expected: Expected): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, expected.keys.find, {
      issuer: [...expected.issuers],
      audience: [...expected.audiences],
      algorithms: ['RS256'],
      requiredClaims: ['exp', 'iss', 'aud'],
      clockTolerance: SKEW_S,
      currentDate: new Date(expected.now),
    });
    return payload;
  } catch (error) {
    if (error instanceof SigningKeysError) throw error;
    throw new InvalidTokenError(error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}
