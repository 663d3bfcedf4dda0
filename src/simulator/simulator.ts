import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { ApiTokens } from './api-tokens.ts';
import { type CallOptions, Calls, type SimulatedCall } from './calls.ts';
import { createServerIdentity } from './certificate.ts';
import { Clients } from './clients.ts';
import { CONTROL, serveControl } from './control.ts';
import { serveEntra } from './entra-side.ts';
import { type EntraFault, Faults, type GraphFault } from './faults.ts';
import { serveGraph } from './graph-side.ts';
import { guarded } from './guard.ts';
import { Ledger } from './ledger.ts';
import { Listener } from './listener.ts';
import { Notifier } from './notifier.ts';
import { Tokens } from './tokens.ts';

export interface SimulatorOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: a free one. */
  graphPort?: number;
  entraPort?: number;
  /** A call without a keepAlive for this long is ended; default 45 minutes, as at Graph. */
  deadlineMs?: number;
  /** Default one hour; whole seconds, as in `expires_in`. */
  tokenLifetimeMs?: number;
  /** Entra's `refresh_in`; default none. */
  refreshInMs?: number;
  /** Client secrets that Entra accepts; default {@link DEFAULT_SECRET}. */
  secrets?: readonly string[];
  /** App roles in the tokens for Graph; default {@link DEFAULT_ROLES}. */
  graphRoles?: readonly string[];
  /** App roles in the tokens for APIs other than Graph; default none. */
  apiRoles?: readonly string[];
  /** The seed of the chance in faults. */
  seed?: number;
  clock?: { now(): number };
}

export const DEFAULT_SECRET = 'simulated-client-secret';
export const DEFAULT_ROLES: readonly string[] = ['Calls.Initiate.All'];

/** A Graph and an Entra in one process, with faults and a ledger of all requests. */
export class Simulator {
  readonly ledger = new Ledger();
  readonly clients: Clients;
  readonly graphFaults: Faults<GraphFault>;
  readonly entraFaults: Faults<EntraFault>;
  readonly #options: SimulatorOptions;
  readonly #host: string;
  readonly #calls: Calls;
  readonly #tokens: Tokens;
  readonly #apiTokens = new ApiTokens();
  readonly #notifier: Notifier;
  #graph: Listener | null = null;
  #entra: Listener | null = null;
  #ca = '';
  #stopped = false;

  constructor(options: SimulatorOptions = {}) {
    const now = () => (options.clock ?? Date).now();
    const seed = options.seed ?? 1;
    this.#options = options;
    this.#host = options.host ?? '127.0.0.1';
    this.#notifier = new Notifier(this.ledger, now);
    this.#calls = new Calls(options.deadlineMs ?? 45 * 60_000, now, (call) =>
      this.#notifier.ended(call),
    );
    this.#tokens = new Tokens(options.graphRoles ?? DEFAULT_ROLES, now);
    this.clients = new Clients(options.secrets ?? [DEFAULT_SECRET], now);
    this.graphFaults = new Faults(seed);
    this.entraFaults = new Faults(seed + 1);
  }

  async start(): Promise<void> {
    if (this.#graph !== null) return;
    const { ca, certificate, key } = await createServerIdentity();
    this.#ca = ca;
    this.#graph = this.#createGraph();
    this.#entra = this.#createEntra(certificate, key);
    await Promise.all([this.#graph.up(), this.#entra.up()]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#notifier.stop();
    await Promise.all([this.#graph?.down(), this.#entra?.down()]);
  }

  /** Includes `/v1.0`. */
  get graphBaseUrl(): string {
    return `http://${urlHost(this.#host)}:${started(this.#graph).port}/v1.0`;
  }

  get authorityHost(): string {
    return `https://localhost:${started(this.#entra).port}`;
  }

  /** PEM of the CA that Entra's certificate is from. */
  get caCertificate(): string {
    return this.#ca;
  }

  /**
   * Returns the call's id, a GUID by default.
   *
   * @param callbackUri gets the notifications of the call
   */
  createCall(options: CallOptions & { callbackUri?: string; tenantId?: string } = {}): string {
    const { callbackUri, tenantId, ...rest } = options;
    const call = this.#calls.create(rest);
    if (callbackUri) this.#notifier.listen(this.#calls, call, callbackUri, tenantId ?? null);
    return call.id;
  }

  /** Forgets all calls, the ledger and the faults; tokens and secrets stay valid. */
  reset(): void {
    this.#calls.clear();
    this.ledger.clear();
    this.graphFaults.clear();
    this.entraFaults.clear();
  }

  endCall(id: string): void {
    this.#calls.end(id);
  }

  /** Each call as it is now, with the longest gap between two successful keepAlives. */
  summary(): SimulatedCall[] {
    return this.#calls.all();
  }

  /** With `claims`, from then on only tokens that were requested with these are valid. */
  revokeTokens(claims: object | null = null): void {
    this.#tokens.revoke(claims === null ? null : JSON.stringify(claims));
  }

  /** Sets the permissions in Graph's tokens from now on. */
  grantRoles(roles: readonly string[]): void {
    this.#tokens.grant(roles);
  }

  graphDown(): Promise<void> {
    return started(this.#graph).down();
  }

  async graphUp(): Promise<void> {
    if (!this.#stopped) await started(this.#graph).up();
  }

  entraDown(): Promise<void> {
    return started(this.#entra).down();
  }

  async entraUp(): Promise<void> {
    if (!this.#stopped) await started(this.#entra).up();
  }

  #createGraph(): Listener {
    const now = () => (this.#options.clock ?? Date).now();
    const { ledger, graphFaults } = this;
    const world = {
      calls: this.#calls,
      tokens: this.#tokens,
      ledger,
      graphFaults,
      createCall: (options: object) => this.createCall(options),
      now,
    };
    const serve = guarded(this.#host, (request, response) => {
      if (!request.url?.startsWith(CONTROL)) serveGraph(world, request, response);
      else void serveControl(this, request, response);
    });
    return new Listener(createServer(serve), this.#host, this.#options.graphPort ?? 0);
  }

  #createEntra(cert: string, key: string): Listener {
    const { clock, entraPort, refreshInMs, tokenLifetimeMs } = this.#options;
    const world = {
      clients: this.clients,
      tokens: this.#tokens,
      apiTokens: this.#apiTokens,
      apiRoles: this.#options.apiRoles ?? [],
      ledger: this.ledger,
      entraFaults: this.entraFaults,
      tokenLifetimeMs: tokenLifetimeMs ?? 60 * 60_000,
      refreshInMs: refreshInMs ?? null,
      authorityHost: '',
      now: () => (clock ?? Date).now(),
    };
    const serve = guarded(this.#host, (request, response) => {
      const served = serveEntra({ ...world, authorityHost: this.authorityHost }, request, response);
      served.catch(() => response.destroy());
    });
    return new Listener(createSecureServer({ cert, key }, serve), this.#host, entraPort ?? 0);
  }
}

function started<T>(value: T | null): T {
  if (value === null) throw new Error('the simulator has not been started');
  return value;
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
