const MAPPED_IPV4 = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;
const GROUPS = 8;

/**
 * Returns the part of an address that a client cannot change at will: an IPv4 address, or the first
 * 64 bits of an IPv6 address, because providers give each customer a whole /64.
 *
 * @param address of a socket; undefined once the client has disconnected
 */
export function networkOf(address: string | undefined): string {
  if (!address?.includes(':')) return address ?? 'unknown';
  const [, ipv4] = MAPPED_IPV4.exec(address) ?? [];
  if (ipv4 !== undefined) return ipv4;
  const [head = '', tail = ''] = address.split('::');
  const [left, right] = [groupsOf(head), groupsOf(tail)];
  const zeros = Array<string>(Math.max(0, GROUPS - left.length - right.length)).fill('0');
  const network = [...left, ...zeros, ...right].slice(0, GROUPS / 2);
  return `${network.join(':')}::/64`;
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
