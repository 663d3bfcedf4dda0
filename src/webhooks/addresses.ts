import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * Addresses outside the public internet, from
 * https://www.iana.org/assignments/iana-ipv4-special-registry and
 * https://www.iana.org/assignments/iana-ipv6-special-registry. A webhook must not reach hosts that
 * only this machine and its neighbours can reach. For IPv6, these are the ones within
 * {@link globalUnicast}; all addresses outside it are blocked anyway.
 */
const PRIVATE: readonly [network: string, prefix: number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Azure's platform, on each virtual machine:
  // https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const blocked = new BlockList();
for (const [network, prefix] of PRIVATE) blocked.addSubnet(network, prefix, familyOf(network));

/** All others in IPv6 are private or reserved: https://www.iana.org/assignments/ipv6-address-space */
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** @param address an IP address */
export function isPublic(address: string): boolean {
  // A zone names an interface of this machine.
  if (isIP(address) === 0 || address.includes('%')) return false;
  const family = familyOf(address);
  if (family === 'ipv6' && !globalUnicast.check(address, family)) return false;
  return !blocked.check(address, family);
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

/** A name resolves to no public address. */
export class PrivateAddressError extends Error {
  readonly code = 'PRIVATE_ADDRESS';
  constructor(host: string) {
    super(`${host} has no address of the public internet, and WEBHOOK_ALLOW_PRIVATE is not set`);
    this.name = 'PrivateAddressError';
  }
}

/**
 * A lookup for `net.connect` that returns only public addresses. A check before the connection
 * would not be enough: the name may resolve to another address by then.
 */
export const lookupPublic: LookupFunction = (host, options, done) => {
  lookup(host, { ...options, all: true }, (error, found: LookupAddress[]) => {
    if (error) return done(error, '', 0);
    const addresses = found.filter(({ address }) => isPublic(address));
    const [first] = addresses;
    if (!first) return done(new PrivateAddressError(host), '', 0);
    if (options.all) done(null, addresses);
    else done(null, first.address, first.family);
  });
};
