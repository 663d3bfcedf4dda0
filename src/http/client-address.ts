import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** See {@link clientAddress}. */
    client: string;
  }
}

export type TrustsProxy = (address: string) => boolean;

/** @param networks such as `10.0.0.0/8` and `::1/128` */
export function trustNetworks(networks: readonly string[]): TrustsProxy {
  const trusted = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    trusted.addSubnet(address, Number(prefix), familyOf(address));
  }
  return (address) => isIP(address) !== 0 && trusted.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}

/** Azure's Application Gateway, among others, adds the client's port. */
const WITH_PORT = /^(?:\[([^\]]+)\]|([^:]+)):\d{1,5}$/;

/**
 * Follows X-Forwarded-For from its end, from one trusted proxy to the next, and returns the first
 * address that is not such a proxy's. Each proxy appends the address of its client, so anybody
 * may have invented the addresses before that one.
 *
 * Fastify's `trustProxy` would also trust X-Forwarded-Host, which a page in a browser can send, and
 * would return texts that are not addresses.
 */
export function clientAddress(
  { headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>,
  trusts: TrustsProxy,
): string {
  let client = socket.remoteAddress ?? 'unknown';
  // Node joins the lines of this header with commas.
  const told = headers['x-forwarded-for'];
  if (typeof told !== 'string') return client;
  for (const item of told.split(',').reverse()) {
    if (!trusts(client)) break;
    const [, bracketed, bare] = WITH_PORT.exec(item.trim()) ?? [];
    const address = bracketed ?? bare ?? item.trim();
    if (isIP(address) === 0) break;
    client = address;
  }
  return client;
}

export function knowClients(app: FastifyInstance, trusts: TrustsProxy): void {
  app.decorateRequest('client', {
    getter() {
      return clientAddress(this.raw, trusts);
    },
  });
}
