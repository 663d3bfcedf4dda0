import { isIP } from 'node:net';
import { NoProxyError, parseNoProxy } from '../graph/no-proxy.ts';
import { parseRedisUrl, type RedisAddress, RedisUrlError } from '../store/address.ts';
import { list, type Parser, quote, ValueError } from './parsers.ts';

const HOST_NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i;

export const HOST: Parser<string> = {
  parse: (text) => {
    if (!isHostName(text)) {
      throw new ValueError(`must be an address or a host name, not ${quote(text)}`);
    }
    return listenedHost(text);
  },
};

/** `host:port`; without a host, it is null. */
export const ADDRESS: Parser<{ readonly host: string | null; readonly port: number }> = {
  parse: (text) => {
    const [, bracketed, plain, digits = ''] =
      /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
    const host = bracketed ?? plain ?? '';
    const isHost = bracketed === undefined ? host === '' || isHostName(host) : isIP(host) === 6;
    const port = Number(digits);
    if (digits === '' || port > 65_535 || !isHost) {
      throw new ValueError(`must be host:port, [IPv6 address]:port or :port, not ${quote(text)}`);
    }
    return { host: host === '' ? null : listenedHost(host), port };
  },
};

/**
 * For `localhost` Fastify would open a second server on the other loopback address, without our
 * limits.
 */
function listenedHost(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host;
}

function isHostName(text: string): boolean {
  return isIP(text) > 0 || HOST_NAME.test(text);
}

export const PROXY: Parser<string> = {
  parse: (text) => {
    const url = URL.parse(text);
    if (!/^https?:$/.test(url?.protocol ?? '')) {
      throw new ValueError('must be an http:// or https:// URL');
    }
    if (!isDecodable(`${url?.username}:${url?.password}`)) {
      throw new ValueError('must have its user and password percent-encoded: a bare % is %25');
    }
    return text;
  },
};

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== '';
  } catch {
    return false;
  }
}

export const NO_PROXY: Parser<string> = {
  parse: (text) => {
    try {
      parseNoProxy(text);
    } catch (error) {
      if (!(error instanceof NoProxyError)) throw error;
      throw new ValueError(`: ${error.message}`);
    }
    return text;
  },
};

export const REDIS: Parser<{ readonly url: string; readonly address: RedisAddress }> = {
  parse: (text) => {
    try {
      return { url: text, address: parseRedisUrl(text) };
    } catch (error) {
      if (!(error instanceof RedisUrlError)) throw error;
      throw new ValueError(...error.faults);
    }
  },
};

/** Names for networks, as Express and Fastify have them. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** Addresses, networks and {@link NAMED}, with commas or spaces between; all get a prefix. */
export const NETWORKS: Parser<readonly string[]> = {
  parse: (text) => {
    const items = text.split(/[\s,]+/).filter((item) => item !== '');
    const wrong = items.filter((item) => networksIn(item).length === 0);
    if (wrong.length > 0) throw new ValueError(...wrong.map(networkFault));
    return items.flatMap(networksIn);
  },
  invalid: [],
};

function networkFault(item: string): string {
  const names = Object.keys(NAMED).join(', ');
  return `: ${quote(item)} must be an address, a network such as 10.0.0.0/8, or one of ${names}`;
}

function networksIn(item: string): readonly string[] {
  if (Object.hasOwn(NAMED, item)) return NAMED[item] ?? [];
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(item) ?? [];
  const bits = { 4: 32, 6: 128 }[isIP(address)] ?? -1;
  // A scope such as fe80::1%eth0 is of one machine alone.
  if (address.includes('%') || Number(prefix ?? 0) > bits) return [];
  return [`${address}/${Number(prefix ?? bits)}`];
}

const WEBHOOK_HOST = /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

/** Names in lower case, also as `*.example.com`. */
export const WEBHOOK_HOSTS: Parser<readonly string[]> = {
  parse: (text) =>
    list((hosts) =>
      hosts.every((host) => WEBHOOK_HOST.test(host) || isIP(host) !== 0)
        ? null
        : ': each must be a host name, or *. and a host name',
    ).parse(text.toLowerCase()),
  invalid: [],
};
