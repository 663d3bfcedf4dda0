import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

export interface CertificateWithKey {
  readonly key: KeyObject;
  readonly certificate: X509Certificate;
  /** The other certificates of the file, in its order: the chain, if it has one. */
  readonly others: readonly X509Certificate[];
}

const PEM_KEY = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----/s;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;

/** @throws Error that says what is wrong, and what to do */
export function openPem(text: string, passphrase: string | null): CertificateWithKey {
  refuseOddLines(text);
  const block = PEM_KEY.exec(text)?.[0];
  if (block === undefined) {
    throw new Error('there is no private key in it; add the key to the same file');
  }
  const key = openKey(block, passphrase);
  const certificates = text.match(PEM_CERTIFICATE)?.map(openBlock) ?? [];
  const certificate = certificates.find((candidate) => candidate.checkPrivateKey(key));
  if (certificate === undefined) throw new Error('no certificate in it fits the key');
  return { key, certificate, others: certificates.filter((one) => one !== certificate) };
}

/** Environment variables, YAML and shells can spoil line breaks in these ways. */
function refuseOddLines(text: string): void {
  if (/-----BEGIN [A-Z ]+-----\s*\\[rn]/.test(text)) {
    throw new Error('the file has literal \\n instead of line breaks');
  }
  if (/-----BEGIN [A-Z ]+-----[^\r\n]*\S/.test(text)) {
    throw new Error(
      'the file has lost its line breaks: BEGIN and END must be on lines of their own',
    );
  }
}

function openKey(block: string, passphrase: string | null): KeyObject {
  try {
    return createPrivateKey({ key: block, ...(passphrase === null ? {} : { passphrase }) });
  } catch (cause) {
    const isEncrypted = block.includes('ENCRYPTED');
    if (isEncrypted && passphrase === null) {
      throw new Error('its key is encrypted, and there is no password for it', { cause });
    }
    if (isEncrypted && (cause as { reason?: string }).reason === 'bad decrypt') {
      throw new Error('its password is wrong', { cause });
    }
    throw new Error('its private key is damaged, or not one that OpenSSL 3 reads', { cause });
  }
}

function openBlock(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new Error('a certificate in it is damaged', { cause });
  }
}
