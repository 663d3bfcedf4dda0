import type { EnvReader } from './env-reader.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The separate listener of the metrics; null: the API serves them. */
export function readMetricsAddress(read: EnvReader, api: Address): Address | null {
  const given = read.get('METRICS_ADDRESS');
  if (given === null) return null;
  const { port } = given;
  const host = given.host ?? api.host;
  if (host === api.host && port === api.port && port > 0) {
    read.fault('METRICS_ADDRESS is the address of the API (HOST and PORT): give it another port');
  }
  return { host, port };
}
