import { randomUUID } from 'node:crypto';

/** A token in Entra's form that contains only its user and its expiry. */
export function makeToken(oid: string, expiresAt: number): string {
  const parts = [{ alg: 'none' }, { oid, exp: expiresAt / 1_000, uti: randomUUID() }];
  const texts = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return [...texts, 'signature'].join('.');
}

/** Until when the token is valid for the user, in epoch ms; null: it is not. */
export function verifyToken(username: string, token: string): number | null {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
  const { oid, exp } = readJson(payload) as { oid?: string; exp?: number };
  return oid === username && exp !== undefined ? exp * 1_000 : null;
}

function readJson(text: string): object {
  try {
    return JSON.parse(text) as object;
  } catch {
    return {};
  }
}
