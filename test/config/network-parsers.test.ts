import { describe, expect, test } from 'vitest';
import { EnvReader } from '../../src/config/env-reader.ts';
import { trustNetworks } from '../../src/http/client-address.ts';

function read(text: string) {
  const reader = new EnvReader({ TRUST_PROXY: text });
  const networks = reader.get('TRUST_PROXY');
  reader.throwFaults();
  return trustNetworks(networks);
}

describe('TRUST_PROXY', () => {
  test.each([
    ['10.0.0.0/8', ['10.0.0.1', '10.255.0.1', '::ffff:10.0.0.1'], ['11.0.0.1', '127.0.0.1']],
    ['192.0.2.7', ['192.0.2.7', '::ffff:192.0.2.7'], ['192.0.2.8']],
    ['2001:db8::/32', ['2001:db8::1'], ['2001:db9::1', '::1']],
    ['loopback', ['127.0.0.1', '127.9.9.9', '::1'], ['10.0.0.1']],
    ['uniquelocal', ['172.31.0.1', '192.168.1.1', 'fd00::1'], ['172.32.0.1', '8.8.8.8']],
    ['linklocal, 192.0.2.0/24', ['169.254.1.1', 'fe80::1', '192.0.2.1'], ['10.0.0.1']],
    ['::/0 0.0.0.0/0', ['8.8.8.8', '2001:db8::1'], ['', 'unknown', 'proxy']],
    ['', [], ['127.0.0.1', '10.0.0.1', '::1']],
  ])('%j trusts what it names, and nothing else', (text, trusted, others) => {
    const trusts = read(text);
    expect(trusted.filter((address) => !trusts(address))).toEqual([]);
    expect(others.filter((address) => trusts(address))).toEqual([]);
  });

  test.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0/8',
    '::1/129',
    'fe80::1%eth0',
    'proxy',
    'true',
    '1',
    '*',
    '__proto__',
    '10.0.0.1:8080',
  ])('%j stops the start', (text) => {
    expect(() => read(`loopback,${text}`)).toThrow(
      `TRUST_PROXY: "${text}" must be an address, a network such as 10.0.0.0/8, or one of loopback`,
    );
  });
});
