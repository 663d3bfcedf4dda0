import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Configuration } from '@azure/msal-node';
import type { Credential, Secret } from './app.ts';
import { openPfx } from './pfx.ts';

/** The part of MSAL's `auth` that proves the app's identity. */
export type ClientProof = Pick<
  Configuration['auth'],
  'clientSecret' | 'clientAssertion' | 'clientCertificate'
>;

/** A credential that lies in a file, or in the configuration. */
export type StoredCredential = Extract<
  Credential,
  { kind: 'secret' | 'certificate' | 'federated' }
>;

/**
 * Reads a credential, anew each time: what is rotated in its file counts from
 * the next token on.
 *
 * @throws Error that names the file and what is wrong with it, never its content
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
      const { path, password } = credential;
      const phrase = password === null ? null : await readSecret(password, signal);
      const { key, certificate } = openCertificate(path, await readFile(path, { signal }), phrase);
      return {
        clientCertificate: {
          thumbprintSha256: certificate.fingerprint256.replaceAll(':', ''),
          privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
        },
      };
    }
  }
}

async function readSecret(secret: Secret, signal: AbortSignal): Promise<string> {
  return 'value' in secret ? secret.value : await readText(secret.file, signal);
}

/** Editors and `echo` end a file with a newline, which is no part of a secret. */
async function readText(path: string, signal: AbortSignal): Promise<string> {
  const text = (await readFile(path, { encoding: 'utf8', signal })).trim();
  if (text === '') throw new Error(`${path} is empty`);
  return text;
}

interface Identity {
  key: KeyObject;
  certificate: X509Certificate;
}

/** @throws Error that names the file and what is wrong with it */
export function openCertificate(path: string, file: Buffer, passphrase: string | null): Identity {
  try {
    const isPem = file.includes('-----BEGIN ');
    return isPem ? openPem(file, passphrase) : openPfx(file, passphrase ?? '');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${path} holds no certificate with its private key: ${reason}`, { cause });
  }
}

/** In a file with a chain the certificate is the one that the key belongs to. */
function openPem(file: Buffer, passphrase: string | null): Identity {
  const text = file.toString('latin1');
  const block = PEM_KEY.exec(text)?.[0];
  if (block === undefined) throw new Error('no private key in it');
  const key = createPrivateKey({ key: block, ...(passphrase === null ? {} : { passphrase }) });
  const certificates = text.match(PEM_CERTIFICATE)?.map((pem) => new X509Certificate(pem));
  const certificate = certificates?.find((candidate) => candidate.checkPrivateKey(key));
  if (certificate === undefined) throw new Error('no certificate in it fits the key');
  return { key, certificate };
}

const PEM_KEY = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----/s;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;
