import { isIP } from 'node:net';
import { type EnvReader, quote } from './env-reader.ts';

export interface Address {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

const HOST_NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i;

export function readHost(read: EnvReader): string {
  const host = read.text('HOST') ?? '127.0.0.1';
  if (!isHostName(host)) {
    read.fault(`HOST must be an address or a host name, not ${quote(host)}`);
  }
  return listenedHost(host);
}

/**
 * For `localhost` Fastify opens a second server, for the other loopback address, without the limits
 * of ours.
 */
function listenedHost(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host;
}

/** Where the metrics are by themselves; null: with the API. */
export function readMetricsAddress(read: EnvReader, api: Address): Address | null {
  const text = read.text('METRICS_ADDRESS');
  if (text === null) return null;
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = listenedHost((bracketed ?? plain) || api.host);
  const isHost = bracketed === undefined ? isHostName(host) : isIP(host) === 6;
  const port = Number(digits);
  if (digits === '' || port > 65_535 || !isHost) {
    read.fault(
      `METRICS_ADDRESS must be host:port, [IPv6 address]:port or :port, not ${quote(text)}`,
    );
  } else if (host === api.host && port === api.port && port > 0) {
    read.fault('METRICS_ADDRESS is where the API is (HOST and PORT): give it another port');
  }
  return { host, port };
}

function isHostName(text: string): boolean {
  return isIP(text) > 0 || HOST_NAME.test(text);
}
