import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * Addresses outside the public internet, from
 * https://www.iana.org/assignments/iana-ipv4-special-registry and
 * https://www.iana.org/assignments/iana-ipv6-special-registry. A webhook must not reach hosts that
 * only this machine and its neighbours can reach.
 */
const PRIVATE: readonly [network: string, prefix: number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
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
  ['::', 96],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

// Separate lists: in one list, the range of IPv4-mapped addresses would match all of IPv4.
const blocked = { 4: new BlockList(), 6: new BlockList() };
for (const [network, prefix] of PRIVATE) {
  if (isIP(network) === 6) blocked[6].addSubnet(network, prefix, 'ipv6');
  else blocked[4].addSubnet(network, prefix, 'ipv4');
}

/** @param address an IP address */
export function isPublic(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  if (version === 4) return !blocked[4].check(address, 'ipv4');
  // A zone names an interface of this machine.
  return !address.includes('%') && !blocked[6].check(address, 'ipv6');
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
