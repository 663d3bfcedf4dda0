import { constants, type KeyObject, verify, X509Certificate } from 'node:crypto';

interface Jwt {
  readonly header: Record<string, unknown>;
  readonly claims: Record<string, unknown>;
  readonly signed: string;
  readonly signature: Buffer;
}

/** What the simulated Entra accepts as proof of a client's identity. Every client id is known. */
export class Clients {
  readonly #now: () => number;
  readonly #certificates = new Map<string, KeyObject>();
  readonly #federated = new Set<string>();
  #secrets: Set<string>;

  constructor(secrets: readonly string[], now: () => number) {
    this.#secrets = new Set(secrets);
    this.#now = now;
  }

  acceptSecrets(secrets: readonly string[]): void {
    this.#secrets = new Set(secrets);
  }

  /** @param pem the certificate whose key signs client assertions */
  acceptCertificate(pem: string): void {
    const certificate = new X509Certificate(pem);
    const thumbprint = Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex');
    this.#certificates.set(thumbprint.toString('base64url'), certificate.publicKey);
  }

  /** A token of another issuer, accepted without a check. */
  acceptFederatedToken(token: string): void {
    this.#federated.add(token);
  }

  /** The AADSTS number of what is wrong with a token request's proof, or null. */
  refuse(form: URLSearchParams, audience: string): number | null {
    const secret = form.get('client_secret');
    if (secret !== null) return this.#secrets.has(secret) ? null : 7000215;
    const assertion = form.get('client_assertion');
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    if (assertion === null || form.get('client_assertion_type') !== type) return 7000216;
    if (this.#federated.has(assertion)) return null;
    return this.#refuseJwt(assertion, form.get('client_id'), audience);
  }

  /** Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials */
  #refuseJwt(assertion: string, clientId: string | null, audience: string): number | null {
    const jwt = parseJwt(assertion);
    const key = this.#certificates.get(String(jwt?.header['x5t#S256']));
    if (jwt === null || key === undefined || !isSigned(jwt, key)) return 700027;
    const { aud, iss, sub, exp, nbf } = jwt.claims;
    if (aud !== audience || iss !== clientId || sub !== clientId) return 700212;
    const now = this.#now() / 1000;
    const skew = 300; // s
    return Number(exp) > now && Number(nbf) <= now + skew ? null : 700024;
  }
}

function isSigned(jwt: Jwt, key: KeyObject): boolean {
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  const pss = { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return (
    jwt.header.alg === 'PS256' && verify('sha256', Buffer.from(jwt.signed), pss, jwt.signature)
  );
}

function parseJwt(text: string): Jwt | null {
  const [header, claims, signature] = text.split('.');
  if (header === undefined || claims === undefined || signature === undefined) return null;
  try {
    return {
      header: JSON.parse(Buffer.from(header, 'base64url').toString()),
      claims: JSON.parse(Buffer.from(claims, 'base64url').toString()),
      signed: `${header}.${claims}`,
      signature: Buffer.from(signature, 'base64url'),
    };
  } catch {
    return null; // Not a JWT, which the caller refuses as it does a foreign one.
  }
}
