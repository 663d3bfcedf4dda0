import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions as TlsOptions } from 'node:tls';
import type { RedisAddress } from './address.ts';

interface NodeOptions {
  readonly host?: string | undefined;
  tls?: TlsOptions | undefined;
}

/**
 * Azure Managed Redis announces the nodes of its Cluster by IP address, while their certificate is
 * for the name in REDIS_URL. So the certificate of such a node may be for that name, or for its
 * address. A name that is set (REDIS_TLS_SERVERNAME) is in the options already, and counts alone.
 */
export function nameForNode(options: NodeOptions, address: RedisAddress): void {
  const { host = '', tls } = options;
  if (address.kind !== 'cluster' || !tls || tls.servername || isIP(host) === 0) return;
  const name = address.nodes.find((node) => isIP(node.host) === 0)?.host;
  if (name === undefined) return;
  options.tls = {
    ...tls,
    servername: name,
    checkServerIdentity: (_, certificate) => {
      const fault = checkServerIdentity(name, certificate);
      return fault && checkServerIdentity(host, certificate) ? fault : undefined;
    },
  };
}
