import { BlockList, isIP } from 'node:net';
import { type EnvReader, quote } from './env-reader.ts';

/** Names for networks, as Express and Fastify have them. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** Reads TRUST_PROXY: addresses, networks and {@link NAMED}, with commas or spaces between them. */
export function readTrustedProxies(read: EnvReader): (address: string) => boolean {
  const items = (read.text('TRUST_PROXY') ?? '').split(/[\s,]+/).filter((item) => item !== '');
  const networks = new BlockList();
  for (const item of items) {
    const ranges = Object.hasOwn(NAMED, item) ? (NAMED[item] ?? []) : [item];
    if (ranges.every((range) => add(networks, range))) continue;
    const names = Object.keys(NAMED).join(', ');
    read.fault(
      `TRUST_PROXY: ${quote(item)} must be an address, a network such as 10.0.0.0/8, or one of ${names}`,
    );
  }
  return (address) => isIP(address) !== 0 && networks.check(address, familyOf(address));
}

/** @returns false if it is neither an address nor a network */
function add(networks: BlockList, range: string): boolean {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(range) ?? [];
  const bits = { 4: 32, 6: 128 }[isIP(address)] ?? -1;
  // A scope such as fe80::1%eth0 is of one machine alone.
  if (address.includes('%') || Number(prefix ?? 0) > bits) return false;
  networks.addSubnet(address, Number(prefix ?? bits), familyOf(address));
  return true;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}
