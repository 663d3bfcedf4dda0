import { isIP } from 'node:net';
import { type EnvReader, quote } from './env-reader.ts';

/** Names for networks, as Express and Fastify have them. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/**
 * Reads TRUST_PROXY: addresses, networks and {@link NAMED}, with commas or spaces between them.
 *
 * @returns networks, all with a prefix
 */
export function readTrustedProxies(read: EnvReader): readonly string[] {
  const items = (read.text('TRUST_PROXY') ?? '').split(/[\s,]+/).filter((item) => item !== '');
  return items.flatMap((item) => {
    if (Object.hasOwn(NAMED, item)) return NAMED[item] ?? [];
    const network = networkIn(item);
    if (network !== null) return [network];
    const names = Object.keys(NAMED).join(', ');
    read.fault(
      `TRUST_PROXY: ${quote(item)} must be an address, a network such as 10.0.0.0/8, or one of ${names}`,
    );
    return [];
  });
}

function networkIn(item: string): string | null {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(item) ?? [];
  const bits = { 4: 32, 6: 128 }[isIP(address)] ?? -1;
  // A scope such as fe80::1%eth0 is of one machine alone.
  if (address.includes('%') || Number(prefix ?? 0) > bits) return null;
  return `${address}/${Number(prefix ?? bits)}`;
}
