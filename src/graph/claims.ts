/**
 * Reads the claims of a token without checking it; null if the token is opaque.
 * https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
export function claimsIn(token: string): Readonly<Record<string, unknown>> | null {
  const payload = token.split('.')[1] ?? '';
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return typeof claims === 'object' ? (claims as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
