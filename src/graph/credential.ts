import type { Configuration } from '@azure/msal-node';
import type { AppCredential, Secret } from './app.ts';
import { type CertificateWithKey, openPem } from './pem.ts';
import { openPfx } from './pfx.ts';
import { readOnce } from './read-once.ts';

export type ClientProof = Pick<
  Configuration['auth'],
  'clientSecret' | 'clientAssertion' | 'clientCertificate'
>;

export type StoredCredential = Extract<
  AppCredential,
  { kind: 'secret' | 'certificate' | 'federated' }
>;

/**
 * Reads a credential each time, so that a new one in its file counts from the next token on.
 *
 * @throws Error that names the file and its fault, never its content
 */
export async function readCredential(
  credential: StoredCredential,
  signal: AbortSignal,
): Promise<ClientProof> {
  switch (credential.kind) {
    case 'secret':
      return { clientSecret: await readSecret(credential.secret, signal) };
    case 'federated':
      return { clientAssertion: await readText(credential.tokenFile, signal) };
    case 'certificate': {
      const { path, password, sendsChain } = credential;
      const phrase = password === null ? null : await readSecret(password, signal);
      const identity = openCertificate(path, await readOnce(path, signal), phrase);
      const { key, certificate } = identity;
      return {
        clientCertificate: {
          thumbprintSha256: certificate.fingerprint256.replaceAll(':', ''),
          privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
          ...(sendsChain ? { x5c: chainOf(identity) } : {}),
        },
      };
    }
  }
}

async function readSecret(secret: Secret, signal: AbortSignal): Promise<string> {
  return 'value' in secret ? secret.value : await readText(secret.file, signal);
}

/** Editors and `echo` end a file with a newline, which is not part of the secret. */
async function readText(path: string, signal: AbortSignal): Promise<string> {
  const text = (await readOnce(path, signal)).toString('utf8').trim();
  if (text === '') throw new Error(`${path} is empty`);
  return text;
}

/**
 * @param path for the message; may be empty
 * @throws Error that names the file and its fault, never its content
 */
export function openCertificate(
  path: string,
  file: Buffer,
  passphrase: string | null,
): CertificateWithKey {
  try {
    const isPem = file.includes('-----BEGIN ');
    return isPem ? openPem(file.toString('latin1'), passphrase) : openPfx(file, passphrase ?? '');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${path} holds no certificate with its private key: ${reason}`, { cause });
  }
}

/** The chain for the header of MSAL's assertion: the certificate first, as RFC 7515 demands. */
function chainOf({ certificate, others }: CertificateWithKey): string {
  return [certificate, ...others].map((one) => one.toString()).join('');
}
