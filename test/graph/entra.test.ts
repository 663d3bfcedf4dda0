import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeProtectedHeader } from 'jose';
import { generate } from 'selfsigned';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readCredential, type StoredCredential } from '../../src/graph/credential.ts';
import { Dispatchers } from '../../src/graph/dispatchers.ts';
import { acquireToken } from '../../src/graph/entra.ts';
import type { EntraFault } from '../../src/simulator/faults.ts';
import { DEFAULT_SECRET, Simulator } from '../../src/simulator/simulator.ts';
import { makeApp, PATIENT, TENANT, trust } from './fixtures.ts';

const directory = mkdtempSync(join(tmpdir(), 'callkeeper-entra-'));
const connections = new Dispatchers(4, PATIENT, { http: null, https: null, no: null });

let simulator: Simulator;
beforeEach(async () => {
  simulator = new Simulator({ tokenLifetimeMs: 3_599_000, refreshInMs: 1_800_000 });
  await simulator.start();
  trust(simulator.caCertificate);
});
afterEach(() => simulator.stop());
afterAll(async () => {
  await connections.close();
  rmSync(directory, { recursive: true });
});

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const SCOPE = 'https://graph.microsoft.com/.default';

async function acquire(
  credential: StoredCredential = { kind: 'secret', secret: { value: DEFAULT_SECRET } },
  tenantId = TENANT,
  tokenMs = PATIENT.tokenMs,
) {
  const proof = await readCredential(credential, AbortSignal.timeout(tokenMs));
  return acquireToken(makeApp(simulator), proof, tenantId, SCOPE, null, {
    dispatcher: connections.fresh,
    tokenMs,
    userAgent: 'callkeeper/test',
    now: () => Date.now(),
  });
}

describe('a token is given', () => {
  test('for a secret, with its lifetime and the time to renew it', async () => {
    const token = await acquire();
    expect(token.lifetimeMs / 1000).toBeCloseTo(3599, -1);
    expect((token.refreshInMs ?? 0) / 1000).toBeCloseTo(1800, -1);
  });

  test('again for each request, past any cache', async () => {
    const tokens = [await acquire(), await acquire()];
    expect(tokens[0]?.value).not.toBe(tokens[1]?.value);
    expect(simulator.ledger.tokens).toHaveLength(2);
  });

  test('for a certificate, by an assertion that it signed', async () => {
    const identity = await generate([{ name: 'commonName', value: 'bot' }], {
      algorithm: 'sha256',
    });
    const path = file('bot.pem', `${identity.private}\n${identity.cert}`);
    const own = { kind: 'certificate', path, password: null, sendsChain: false } as const;
    await expect(acquire(own)).rejects.toMatchObject({ entraCode: 'AADSTS700027' });
    simulator.clients.acceptCertificate(identity.cert);
    const received = vi.spyOn(simulator.clients, 'refuse');
    expect((await acquire(own)).value).toMatch(/^eyJ/);
    expect((await acquire({ ...own, sendsChain: true })).value).toMatch(/^eyJ/);
    const headers = received.mock.calls.map(([form]) =>
      decodeProtectedHeader(String(form.get('client_assertion'))),
    );
    const der = new X509Certificate(identity.cert).raw.toString('base64');
    expect(headers.map(({ x5c }) => x5c)).toEqual([undefined, [der]]);
  });

  test('for a federated token, read from its file each time', async () => {
    const tokenFile = file('federated', 'first\n');
    simulator.clients.acceptFederatedToken('second');
    const credential = { kind: 'federated', tokenFile } as const;
    await expect(acquire(credential)).rejects.toMatchObject({ entraCode: 'AADSTS700027' });
    file('federated', 'second\n');
    expect((await acquire(credential)).value).toMatch(/^eyJ/);
  });

  test('for a secret that was rotated in its file', async () => {
    const path = file('secret', 'one');
    const credential = { kind: 'secret', secret: { file: path } } as const;
    simulator.clients.acceptSecrets(['two']);
    await expect(acquire(credential)).rejects.toMatchObject({ entraCode: 'AADSTS7000215' });
    file('secret', 'two');
    expect((await acquire(credential)).value).toMatch(/^eyJ/);
  });

  test('right after Entra said 429 or 503: nothing remembers that but us', async () => {
    for (const status of [429, 503]) {
      simulator.entraFaults.set({
        kind: 'status',
        status,
        headers: { 'retry-after': '60' },
        count: 1,
      });
      await expect(acquire()).rejects.toMatchObject({ retryAfterMs: 60_000 });
      expect((await acquire()).value).toMatch(/^eyJ/);
    }
  });
});

describe('no token', () => {
  test.each<[string, EntraFault, RegExp]>([
    ['an error', { kind: 'status', status: 500, aadsts: 90033 }, /^AADSTS90033: A transient error/],
    ['silence', { kind: 'hang' }, /no answer in \d+m?s|Timeout/],
  ])('comes of %s, within the time limit', async (_, fault, message) => {
    simulator.entraFaults.set(fault);
    const tokenMs = fault.kind === 'hang' ? 500 : PATIENT.tokenMs;
    await expect(acquire(undefined, undefined, tokenMs)).rejects.toThrow(message);
  });

  test('comes of an Entra that is down, with the reason', async () => {
    await simulator.entraDown();
    await expect(acquire()).rejects.toThrow(/ECONNREFUSED/);
  });

  test('comes of what is not Entra', async () => {
    await expect(acquire(undefined, 'no/such/path')).rejects.toThrow();
  });

  test('comes of a file that is not there, which the error names', async () => {
    const credential = { kind: 'federated', tokenFile: '/nowhere/token' } as const;
    await expect(acquire(credential)).rejects.toThrow('/nowhere/token');
  });
});
