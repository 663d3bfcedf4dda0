import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { CertificateWithKey } from './pem.ts';

/** `pkcs8ShroudedKeyBag`, 1.2.840.113549.1.12.10.1.2, as DER. */
const SHROUDED_KEY_BAG = Buffer.from('060b2a864886f70d010c0a0102', 'hex');

const SEQUENCE = 0x30;
const OCTET_STRING = 0x04;
const CONSTRUCTED = 0x20;

/**
 * Reads the private key and its certificate from a PFX (PKCS #12, RFC 7292).
 * Node opens a PFX only for TLS: it verifies the password and returns the
 * certificate, but not the key. So this finds the key's bag in the DER by hand;
 * Node then decrypts it, because it is a plain encrypted PKCS #8.
 *
 * @throws Error that says what is wrong, and what to do
 */
export function openPfx(pfx: Buffer, passphrase: string): CertificateWithKey {
  const { context } = verify(pfx, passphrase);
  const certificate = new X509Certificate(context.getCertificate());
  const bag = findKeyBag(pfx);
  if (bag === null) throw new Error('the PFX has no key bag in plain DER; convert it to PEM');
  const key = createPrivateKey({ key: bag, format: 'der', type: 'pkcs8', passphrase });
  if (!certificate.checkPrivateKey(key)) throw new Error('its certificate does not fit its key');
  return { key, certificate, others: [] };
}

const CONVERT = 'convert it: openssl pkcs12 -legacy -in old.pfx -nodes -out new.pem';

function verify(pfx: Buffer, passphrase: string): SecureContext {
  try {
    return createSecureContext({ pfx, passphrase });
  } catch (cause) {
    const { message, code } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_CRYPTO_UNSUPPORTED_OPERATION') {
      throw new Error(`it is a PFX encrypted as OpenSSL 3 no longer reads it (RC2); ${CONVERT}`, {
        cause,
      });
    }
    if (message === 'mac verify failure') {
      throw new Error(`its password is ${passphrase === '' ? 'missing' : 'wrong'}`, { cause });
    }
    throw new Error(whatElse(pfx), { cause });
  }
}

/** Says what the file is instead. DER begins with a SEQUENCE, which is an M in Base64. */
function whatElse(file: Buffer): string {
  const text = file.toString('latin1').trim();
  if (file.subarray(0, 2).equals(Buffer.from('fffe', 'hex'))) {
    return 'it is text in UTF-16; write it again in UTF-8';
  }
  if (/^MII[A-Za-z0-9+/=\s]+$/.test(text)) return 'it is Base64; decode it: openssl base64 -d -A';
  if (file[0] === SEQUENCE) return 'it is DER, but no PFX with a private key';
  return 'it is neither PEM nor PFX';
}

/**
 * Walks the DER, into constructed values and into octet strings (PKCS #12
 * nests DER in them), to the `[0] EncryptedPrivateKeyInfo` after the bag's OID.
 */
function findKeyBag(der: Buffer): Buffer | null {
  let isNext = false;
  for (const { tag, bytes, content } of elements(der)) {
    if (isNext) return content;
    isNext = bytes.equals(SHROUDED_KEY_BAG);
    const nests = (tag & CONSTRUCTED) !== 0 || tag === OCTET_STRING;
    const found = nests ? findKeyBag(content) : null;
    if (found !== null) return found;
  }
  return null;
}

/** The values that follow each other in `der`; stops where it is not definite-length DER. */
function* elements(der: Buffer): Generator<{ tag: number; bytes: Buffer; content: Buffer }> {
  let start = 0;
  while (start + 2 <= der.length) {
    const short = der.readUInt8(start + 1);
    const lengthBytes = short < 0x80 ? 0 : short - 0x80;
    const from = start + 2 + lengthBytes;
    if (lengthBytes > 4 || short === 0x80 || from > der.length) return;
    const length = lengthBytes === 0 ? short : der.readUIntBE(start + 2, lengthBytes);
    const end = from + length;
    if (end > der.length) return;
    yield {
      tag: der.readUInt8(start),
      bytes: der.subarray(start, end),
      content: der.subarray(from, end),
    };
    start = end;
  }
}
