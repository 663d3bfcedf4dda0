import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCredential } from '../../src/graph/credential.ts';

const directory = mkdtempSync(join(tmpdir(), 'callkeeper-credential-'));
const signal = new AbortController().signal;
const hasOpenssl = tryOpenssl();
let identity: Awaited<ReturnType<typeof generate>>;
let other: Awaited<ReturnType<typeof generate>>;

beforeAll(async () => {
  identity = await generate([{ name: 'commonName', value: 'bot' }], { algorithm: 'sha256' });
  other = await generate([{ name: 'commonName', value: 'ca' }], { algorithm: 'sha256' });
});
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function tryOpenssl(): boolean {
  try {
    return execFileSync('openssl', ['version']).length > 0;
  } catch {
    return false;
  }
}

function pfx(name: string, password: string, ...more: string[]): string {
  const [pem, path] = [
    file(`${name}.pem`, identity.private + identity.cert),
    join(directory, name),
  ];
  const args = ['pkcs12', '-export', '-in', pem, '-out', path, '-passout', `pass:${password}`];
  execFileSync('openssl', [...args, ...more], { stdio: 'pipe' });
  return path;
}

async function open(path: string, password: string | null) {
  const secret = password === null ? null : { value: password };
  const credential = { kind: 'certificate', path, password: secret, sendsChain: false } as const;
  const proof = await readCredential(credential, signal);
  return proof.clientCertificate;
}

/** The key and thumbprint that MSAL is given are those of `identity`. */
function expectIdentity(proof: Awaited<ReturnType<typeof open>>): void {
  const certificate = new X509Certificate(identity.cert);
  expect(proof?.thumbprintSha256).toBe(certificate.fingerprint256.replaceAll(':', ''));
  expect(certificate.checkPrivateKey(createPrivateKey(proof?.privateKey ?? ''))).toBe(true);
}

describe('a secret', () => {
  test('in a file is read again each time, without the newline at its end', async () => {
    const path = file('secret', 'first\n');
    const credential = { kind: 'secret', secret: { file: path } } as const;
    expect(await readCredential(credential, signal)).toEqual({ clientSecret: 'first' });
    writeFileSync(path, 'second\r\n');
    expect(await readCredential(credential, signal)).toEqual({ clientSecret: 'second' });
  });

  test('in a file that hangs fails in time, and keeps only one of the threads that read files', async () => {
    const path = file('hanging', '');
    rmSync(path);
    execFileSync('mkfifo', [path]);
    const read = () =>
      readCredential({ kind: 'secret', secret: { file: path } }, AbortSignal.timeout(20));
    for (let i = 0; i < 8; i++)
      await expect(read()).rejects.toThrow(`${path} cannot be read in time`);
    // Node has four such threads.
    expect(await readFile(file('other', 'a secret'), 'utf8')).toBe('a secret');
    await writeFile(path, 'late'); // ends the read that hangs
    rmSync(path);
    file('hanging', 'now');
    await expect.poll(() => read().catch(() => null)).toEqual({ clientSecret: 'now' });
  });

  test('file that is empty or missing is named', async () => {
    const path = file('empty', '\n');
    const read = (file: string) => readCredential({ kind: 'secret', secret: { file } }, signal);
    await expect(read(path)).rejects.toThrow(`${path} is empty`);
    await expect(read('/nowhere')).rejects.toThrow('/nowhere');
  });
});

describe('a certificate', () => {
  test('in a PEM is found before or after its key, and in a chain', async () => {
    expectIdentity(await open(file('a.pem', identity.cert + identity.private), null));
    expectIdentity(await open(file('b.pem', identity.private + identity.cert), null));
    const chain = `${other.cert}\n${identity.cert}\n${identity.private}`;
    expectIdentity(await open(file('c.pem', chain), null));
  });

  test('in a PEM may have its key encrypted', async () => {
    const key = createPrivateKey(identity.private);
    const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc' } as const;
    const encrypted = key.export({ ...options, passphrase: 'pass' }).toString();
    const path = file('encrypted.pem', encrypted + identity.cert);
    expectIdentity(await open(path, 'pass'));
    const is = `${path} holds no certificate with its private key: its`;
    await expect(open(path, 'wrong')).rejects.toThrow(`${is} password is wrong`);
    await expect(open(path, null)).rejects.toThrow(
      `${is} key is encrypted, and there is no password`,
    );
  });

  test('is sent with its chain if that is configured, its own certificate first', async () => {
    const path = file('chain.pem', other.cert + identity.cert + identity.private);
    const credential = { kind: 'certificate', path, password: null, sendsChain: true } as const;
    const { clientCertificate } = await readCredential(credential, signal);
    const der = (pem: string) => new X509Certificate(pem).raw.toString('base64');
    const sent = clientCertificate?.x5c?.match(/-+BEGIN.+?-+END CERTIFICATE-+/gs)?.map(der);
    expect(sent).toEqual([der(identity.cert), der(other.cert)]);
    expect((await open(path, null))?.x5c).toBeUndefined();
  });

  const LITERAL = 'the file has literal \\n instead of line breaks';
  const LOST = 'the file has lost its line breaks';
  test.each<[string, (pem: string) => string | Buffer, string | null, string]>([
    ['literal \\n', (pem) => pem.replaceAll('\n', '\\n'), null, LITERAL],
    ['literal \\r\\n', (pem) => pem.replaceAll(/\r?\n/g, '\\r\\n'), null, LITERAL],
    ['literal \\n and quotes', (pem) => JSON.stringify(pem), null, LITERAL],
    ['blanks for line breaks', (pem) => pem.replaceAll(/\r?\n/g, ' '), null, LOST],
    ['no line breaks', (pem) => pem.replaceAll(/\r?\n/g, ''), null, LOST],
    ['no key', () => identity.cert, null, 'there is no private key in it'],
    ['a key alone', () => identity.private, null, 'no certificate in it fits the key'],
    ['a damaged key', (pem) => pem.replace('\nMII', '\nAAA'), null, 'its private key is damaged'],
    [
      'a damaged certificate',
      (pem) => pem.replace('CERTIFICATE-----\n', '$&AAAA\n'),
      null,
      'damaged',
    ],
    ['UTF-16', (pem) => Buffer.from(`\ufeff${pem}`, 'utf16le'), null, 'write it again in UTF-8'],
  ])('in a PEM with %s is refused with what is wrong', async (name, spoil, password, reason) => {
    const whole = `${identity.private.trim()}\n${identity.cert.trim()}\n`;
    const path = join(directory, `spoilt-${name.replaceAll(/\W/g, '')}`);
    writeFileSync(path, spoil(whole.replaceAll('\r', '')));
    await expect(open(path, password)).rejects.toThrow(reason);
  });

  test('of another key is refused', async () => {
    const path = file('foreign.pem', other.cert + identity.private);
    await expect(open(path, null)).rejects.toThrow('no certificate in it fits the key');
  });

  test.each([
    ['empty', ''],
    ['garbage', '\u0000\u0001garbage'],
    ['of a PEM without key', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('in a file that is %s is refused by the name of the file', async (name, content) => {
    const path = file(`bad-${name.length}`, content);
    await expect(open(path, null)).rejects.toThrow(`${path} holds no certificate`);
  });

  // The variants: today's algorithms, those of older Windows for the key, and no password.
  describe.skipIf(!hasOpenssl)('in a PFX (needs the openssl command to make one)', () => {
    test.each([
      ['modern', 'pass', []],
      [
        '3des',
        'pass',
        ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'],
      ],
      ['open', '', []],
      ['plain-certificate', 'pass', ['-certpbe', 'NONE']],
    ])('%s is opened', async (name, password, more) => {
      expectIdentity(await open(pfx(`${name}.pfx`, password, ...more), password || null));
    });

    test('with the wrong password is refused', async () => {
      const path = pfx('wrong.pfx', 'pass');
      const is = `${path} holds no certificate with its private key: its password is`;
      await expect(open(path, 'nope')).rejects.toThrow(`${is} wrong`);
      await expect(open(path, null)).rejects.toThrow(`${is} missing`);
    });

    test.each([
      ['the certificate', ['-certpbe', 'PBE-SHA1-RC2-40', '-keypbe', 'PBE-SHA1-3DES']],
      ['all', ['-certpbe', 'PBE-SHA1-RC2-40', '-keypbe', 'PBE-SHA1-RC2-40']],
      ['all, with 128 bits', ['-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-RC2-128']],
    ])('with RC2 for %s is refused with the command that converts it', async (name, more) => {
      const path = pfx(`rc2-${name.length}.pfx`, 'pass', '-legacy', ...more);
      await expect(open(path, 'pass')).rejects.toThrow('openssl pkcs12 -legacy -in');
      await expect(open(path, 'nope')).rejects.toThrow('its password is wrong');
    });

    test('in Base64 is refused with the command that decodes it', async () => {
      const path = pfx('binary.pfx', 'pass');
      const text = file('text.pfx', `${readFileSync(path).toString('base64')}\n`);
      await expect(open(text, 'pass')).rejects.toThrow('openssl base64 -d');
    });

    test('with an unencrypted key is refused with what to do', async () => {
      const path = pfx('plain-key.pfx', 'pass', '-keypbe', 'NONE');
      await expect(open(path, 'pass')).rejects.toThrow('convert it to PEM');
    });
  });
});
