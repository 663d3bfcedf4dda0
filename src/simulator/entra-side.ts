import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiTokens } from './api-tokens.ts';
import type { Clients } from './clients.ts';
import type { EntraFault, Faults } from './faults.ts';
import type { Ledger } from './ledger.ts';
import { readBody, sendJson } from './reply.ts';
import type { Tokens } from './tokens.ts';

export interface EntraWorld {
  readonly clients: Clients;
  readonly tokens: Tokens;
  /** For APIs other than Graph, with these app roles. */
  readonly apiTokens: ApiTokens;
  readonly apiRoles: readonly string[];
  readonly ledger: Ledger;
  readonly entraFaults: Faults<EntraFault>;
  readonly authorityHost: string;
  readonly tokenLifetimeMs: number;
  /** `refresh_in`; null: none. */
  readonly refreshInMs: number | null;
  now(): number;
}

const DISCOVERY = /^\/([^/]+)\/v2\.0\/\.well-known\/openid-configuration$/;
const KEYS = /^\/[^/]+\/discovery\/v2\.0\/keys$/;
const TOKEN = /^\/([^/]+)\/oauth2\/v2\.0\/token$/;

/** Entra's part of the simulator: discovery, keys, and tokens for client credentials. */
export async function serveEntra(
  world: EntraWorld,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = new URL(request.url ?? '/', world.authorityHost).pathname;
  const discovered = DISCOVERY.exec(path)?.[1];
  const tenantId = TOKEN.exec(path)?.[1];
  if (discovered !== undefined) sendJson(response, 200, describeTenant(world, discovered));
  else if (KEYS.test(path)) sendJson(response, 200, await world.apiTokens.jwks());
  else if (path === '/common/discovery/instance') sendJson(response, 200, { metadata: [] });
  else if (tenantId !== undefined) await serveToken(world, tenantId, request, response);
  else sendJson(response, 404, { error: 'not_found' });
}

function describeTenant(world: EntraWorld, tenantId: string): object {
  const tenant = `${world.authorityHost}/${tenantId}`;
  return {
    issuer: `${tenant}/v2.0`,
    authorization_endpoint: `${tenant}/oauth2/v2.0/authorize`,
    token_endpoint: `${tenant}/oauth2/v2.0/token`,
    jwks_uri: `${tenant}/discovery/v2.0/keys`,
  };
}

async function serveToken(
  world: EntraWorld,
  tenantId: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const form = new URLSearchParams(await readBody(request));
  const at = world.now();
  const clientId = form.get('client_id');
  const record = (answer: number | 'hung') => {
    world.ledger.token({ at, tenantId, clientId, answer });
  };
  const fault = world.entraFaults.next({ callId: null, tenantId });
  if (fault?.kind === 'hang') return record('hung');
  if (fault?.kind === 'delay') await sleep(fault.delayMs);
  if (fault?.kind === 'status') {
    record(fault.status);
    return sendError(response, fault.status, fault.aadsts ?? 90033, fault.headers);
  }
  const refusal = refuse(world, tenantId, form);
  record(refusal === null ? 200 : 401);
  if (refusal === null) await sendToken(world, tenantId, form, response);
  else sendError(response, 401, refusal);
}

/** The AADSTS number of the fault of a request; null if it is valid. */
function refuse(world: EntraWorld, tenantId: string, form: URLSearchParams): number | null {
  if (form.get('grant_type') !== 'client_credentials') return 70003;
  if (resourceOf(form) === null) return 1002012;
  const audience = `${world.authorityHost}/${tenantId}/oauth2/v2.0/token`;
  return world.clients.refuse(form, audience);
}

async function sendToken(
  world: EntraWorld,
  tenantId: string,
  form: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const token = await issue(world, tenantId, form);
  const lifetime = Math.max(1, Math.floor(world.tokenLifetimeMs / 1000));
  sendJson(response, 200, {
    token_type: 'Bearer',
    expires_in: lifetime,
    ext_expires_in: lifetime,
    ...(world.refreshInMs === null ? {} : { refresh_in: Math.floor(world.refreshInMs / 1000) }),
    access_token: token,
  });
}

/** Tokens for Graph and for Redis are not signed; those for APIs, named by `api://` or id, are. */
async function issue(world: EntraWorld, tenantId: string, form: URLSearchParams): Promise<string> {
  const clientId = form.get('client_id') ?? '';
  const resource = resourceOf(form);
  const [now, lifetimeMs] = [world.now(), world.tokenLifetimeMs];
  if (resource !== null && !resource.startsWith('https://')) {
    const [tenant, roles] = [`${world.authorityHost}/${tenantId}`, world.apiRoles];
    const named = { tenant, tenantId, clientId, resource, roles, now, lifetimeMs };
    return await world.apiTokens.issue(named);
  }
  const expiresAt = now + lifetimeMs;
  const audience = resource ?? '';
  return world.tokens.issue({
    clientId,
    tenantId,
    expiresAt,
    claims: form.get('claims'),
    audience,
  });
}

/** The audience in the scope; null if the scope is invalid. */
function resourceOf(form: URLSearchParams): string | null {
  const scopes = form.get('scope')?.split(' ') ?? [];
  return scopes.find((scope) => scope.endsWith('/.default'))?.replace('/.default', '') ?? null;
}

const MESSAGES: Record<number, string> = {
  70003: 'The app requested an unsupported grant type.',
  90033: 'A transient error has occurred. Please try again.',
  700027: 'The certificate with identifier used to sign the client assertion is not registered.',
  700024: 'Client assertion is not within its valid time range.',
  700212: 'No matching federated identity record found for presented assertion audience.',
  1002012: 'The provided value for scope is not valid.',
  7000215: 'Invalid client secret provided.',
  7000216: "'client_assertion', 'client_secret' or 'request' is required.",
};

/**
 * Entra's error. Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
function sendError(
  response: ServerResponse,
  status: number,
  aadsts: number,
  headers: Record<string, string> = {},
): void {
  const [trace_id, correlation_id] = [randomUUID(), randomUUID()];
  const timestamp = `${new Date().toISOString().slice(0, 19).replace('T', ' ')}Z`;
  const message = MESSAGES[aadsts] ?? 'A simulated error.';
  const body = {
    error: status === 401 ? 'invalid_client' : 'temporarily_unavailable',
    error_description:
      `AADSTS${aadsts}: ${message} Trace ID: ${trace_id} ` +
      `Correlation ID: ${correlation_id} Timestamp: ${timestamp}`,
    error_codes: [aadsts],
    timestamp,
    trace_id,
    correlation_id,
  };
  sendJson(response, status, body, headers);
}
