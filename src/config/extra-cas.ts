import { X509Certificate } from 'node:crypto';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { FileError, readText } from './bounded-file.ts';

const PEM = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;

/**
 * Trusts the CAs in a PEM file, besides those that this process trusts already. Node reads
 * NODE_EXTRA_CA_CERTS only when it starts, before it reads `.env` or `--env-file`. Returns why the
 * file cannot be used, or null. Node itself would go on without it.
 */
export function trustCas(path: string): string | null {
  try {
    const certificates = readCertificates(path);
    setDefaultCACertificates([...getCACertificates('default'), ...certificates]);
    return null;
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return `NODE_EXTRA_CA_CERTS: ${path} ${error.reason}, so its CAs are not trusted`;
  }
}

function readCertificates(path: string): string[] {
  const certificates = readText(path).match(PEM);
  if (certificates === null) throw new FileError('holds no certificate in PEM');
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
  } catch (cause) {
    throw new FileError('holds a certificate that cannot be read', { cause });
  }
  return certificates;
}
