import type { EnvReader } from './env-reader.ts';

export interface Address {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

/** Where the metrics have a listener of their own; null: with the API. */
export function readMetricsAddress(read: EnvReader, api: Address): Address | null {
  const given = read.get('METRICS_ADDRESS');
  if (given === null) return null;
  const { port } = given;
  const host = given.host ?? api.host;
  if (host === api.host && port === api.port && port > 0) {
    read.fault('METRICS_ADDRESS is where the API is (HOST and PORT): give it another port');
  }
  return { host, port };
}
