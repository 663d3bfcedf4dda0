import { randomUUID } from 'node:crypto';
import { generate } from 'selfsigned';

/** PEM of a certificate authority, and of a server's certificate and key that it issued. */
export interface ServerIdentity {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** In RFC 5280, type 2 is a DNS name and 7 an address. */
type AltName = { type: 2; value: string } | { type: 7; ip: string };

const LOOPBACK: readonly AltName[] = [
  { type: 2, value: 'localhost' },
  { type: 7, ip: '127.0.0.1' },
  { type: 7, ip: '::1' },
];

/**
 * Makes a CA and a certificate, by default for localhost and the loopback addresses, good for a
 * year.
 */
export async function createServerIdentity(
  altNames: readonly AltName[] = LOOPBACK,
): Promise<ServerIdentity> {
  const shape = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;
  // A unique name: a client that trusts two CAs of one name cannot distinguish them.
  const name = `Callkeeper simulator CA ${randomUUID()}`;
  const ca = await generate([{ name: 'commonName', value: name }], {
    ...shape,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  const leaf = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...shape,
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [...altNames],
      },
    ],
  });
  return { ca: ca.cert, certificate: leaf.cert, key: leaf.private };
}
