import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';

export type Bypass = (origin: URL) => boolean;

/** @param item the bad item: none of the forms that {@link parseNoProxy} knows */
export class NoProxyError extends Error {
  readonly code = 'NO_PROXY';
  readonly item: string;
  constructor(item: string) {
    super(`${JSON.stringify(item)} is not a host, an address, or a network such as 10.0.0.0/8`);
    this.name = 'NoProxyError';
    this.item = item;
  }
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };
const NAME = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/**
 * Reads NO_PROXY: `*`, or hosts, addresses and networks, with commas or spaces between them.
 * undici's own reader knows no networks and ignores what it does not understand. As in curl and Go,
 * `example.com` and `.example.com` mean the host and its subdomains, and `*.example.com` only its
 * subdomains. A network matches only URLs with an address, because no name is looked up.
 *
 * @throws NoProxyError
 */
export function parseNoProxy(text: string): Bypass {
  const matches = text
    .split(/[\s,]+/)
    .filter((item) => item !== '')
    .map((item) => parseItem(item));
  return ({ hostname, protocol, port }) => {
    const host = hostname.replace(/^\[|\]$|\.$/g, '');
    const at = Number(port) || (DEFAULT_PORTS[protocol] ?? 0);
    return matches.some((match) => match(host, at));
  };
}

type Match = (host: string, port: number) => boolean;

function parseItem(item: string): Match {
  if (item.includes('/')) return parseNetwork(item);
  const [, inBrackets, bare, port] = /^(?:\[(.+)\]|([^[\]:]+))(?::(\d{1,5}))?$/.exec(item) ?? [];
  const host = inBrackets ?? bare ?? item;
  const isOurs = parseHost(host, item);
  const wanted = Number(port ?? 0);
  if (wanted > 65_535 || (inBrackets !== undefined && isIP(host) !== 6))
    throw new NoProxyError(item);
  return (name, at) => (wanted === 0 || wanted === at) && isOurs(name);
}

function parseHost(text: string, item: string): (host: string) => boolean {
  if (text === '*') return () => true;
  if (isIP(text) !== 0) return networkOf(text, isIP(text) === 4 ? 32 : 128);
  const wildcard = text.startsWith('*.');
  const name = domainToASCII(text.replace(/^\*?\./, '').replace(/\.$/, '')).toLowerCase();
  // A name never ends in a label of digits: 10.0.0, 10.* and 300.1.1.1 are mistaken addresses.
  if (!NAME.test(name) || /(^|\.)\d+$/.test(name) || isIP(name) !== 0) throw new NoProxyError(item);
  return (host) => (!wildcard && host === name) || host.endsWith(`.${name}`);
}

function parseNetwork(item: string): Match {
  const [, address = '', prefix = ''] = /^\[?([0-9a-f.:]+)\]?\/(\d{1,3})$/i.exec(item) ?? [];
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  if (Number(prefix) > bits) throw new NoProxyError(item);
  return networkOf(address, Number(prefix));
}

function networkOf(address: string, prefix: number): (host: string) => boolean {
  const network = new BlockList();
  network.addSubnet(address, prefix, isIP(address) === 4 ? 'ipv4' : 'ipv6');
  return (host) => isIP(host) !== 0 && network.check(host, isIP(host) === 4 ? 'ipv4' : 'ipv6');
}
