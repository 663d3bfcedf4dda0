import process from 'node:process';
import { DEFAULT_SECRET } from '../simulator/simulator.ts';

export interface Surroundings {
  readonly simulator: { readonly graphBaseUrl: string; readonly authorityHost: string };
  /** PEM file of the CA that the simulated Entra's certificate is from. */
  readonly caPath: string;
  readonly redisUrl: string;
  readonly intervalMs: number;
  readonly deadlineMs: number;
  /** From the end of a bot's lease until its calls are stopped. */
  readonly ownerGraceMs: number;
}

/**
 * The environment of a replica, except its port. It contains nothing of the demo's own environment,
 * which may have a proxy or a real app.
 */
export function replicaEnvironment(around: Surroundings): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    NODE_EXTRA_CA_CERTS: around.caPath,
    REDIS_URL: around.redisUrl,
    GRAPH_BASE_URL: around.simulator.graphBaseUrl,
    AZURE_AUTHORITY_HOST: around.simulator.authorityHost,
    AZURE_TENANT_ID: '11111111-1111-4111-8111-111111111111',
    AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
    AZURE_CLIENT_SECRET: DEFAULT_SECRET,
    KEEPALIVE_INTERVAL: `${around.intervalMs}ms`,
    KEEPALIVE_DEADLINE: `${around.deadlineMs}ms`,
    OWNER_GRACE: `${around.ownerGraceMs}ms`,
    SHUTDOWN_TIMEOUT: '5s',
    LOG_LEVEL: 'debug',
  };
}
