import type { PeerCertificate } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { parseRedisUrl } from '../../src/store/address.ts';
import { nameForNode } from '../../src/store/tls-name.ts';

const AZURE = 'rediss+cluster://name.region.redis.azure.net:10000';

function optionsOf(host: string, url = AZURE, tls: object | null = {}) {
  const options = { host, tls: (tls ?? undefined) as { servername?: string } };
  nameForNode(options, parseRedisUrl(url));
  return options.tls;
}

describe('a node of a Cluster that is announced by its address', () => {
  test.each(['10.0.0.4', 'fd00::4'])('asks for the name in REDIS_URL: %s', (host) => {
    expect(optionsOf(host)).toMatchObject({ servername: 'name.region.redis.azure.net' });
    const several = 'rediss+cluster://10.0.0.1,name.example';
    expect(optionsOf(host, several)).toMatchObject({ servername: 'name.example' });
  });

  test.each([
    ['the name', 'DNS:*.region.redis.azure.net', true],
    ['the address', 'IP Address:10.0.0.4', true],
    ['another name', 'DNS:*.other.redis.azure.net', false],
    ['another address', 'IP Address:10.0.0.5', false],
  ])('may have a certificate for %s: %s, %s', (_, subjectaltname, isRight) => {
    const { checkServerIdentity: check } = optionsOf('10.0.0.4') as {
      checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined;
    };
    const certificate = { subject: { CN: '' }, subjectaltname } as unknown as PeerCertificate;
    const fault = check('name.region.redis.azure.net', certificate);
    expect(fault === undefined).toBe(isRight);
  });
});

test.each([
  ['a node that is announced by name', 'node-1.example', AZURE, {}],
  ['a REDIS_URL of addresses', '10.0.0.4', 'rediss+cluster://10.0.0.1,10.0.0.2', {}],
  ['a name that is set', '10.0.0.4', AZURE, { servername: 'set.example' }],
  ['a Cluster without TLS', '10.0.0.4', 'redis+cluster://name.example', null],
  ['one server', '10.0.0.4', 'rediss://name.example', {}],
])('nothing changes for %s', (_, host, url, tls) => {
  expect(optionsOf(host, url, tls)).toEqual(tls ?? undefined);
});
