import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_SECRET, Simulator } from '../../../src/simulator/simulator.ts';
import { newDirectory, removeDirectory } from './remains.ts';
import { StandIn } from './stand-in.ts';

/** The stand-in for Graph, and the simulated Entra from which daemons get their token. */
export class Microsoft implements AsyncDisposable {
  readonly graph: StandIn;
  readonly #entra: Simulator;
  readonly directory = newDirectory('microsoft');

  private constructor(graph: StandIn, entra: Simulator) {
    this.graph = graph;
    this.#entra = entra;
    writeFileSync(this.#caPath, entra.caCertificate);
  }

  static async start(): Promise<Microsoft> {
    const entra = new Simulator({ tokenLifetimeMs: 24 * 60 * 60_000 });
    await entra.start();
    return new Microsoft(await StandIn.start(), entra);
  }

  /** The environment in which a daemon uses these two. */
  get env(): Record<string, string> {
    return {
      GRAPH_BASE_URL: this.graph.url,
      AZURE_AUTHORITY_HOST: this.#entra.authorityHost,
      NODE_EXTRA_CA_CERTS: this.#caPath,
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
      AZURE_CLIENT_SECRET: DEFAULT_SECRET,
    };
  }

  get #caPath(): string {
    return join(this.directory, 'ca.pem');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.graph[Symbol.asyncDispose]();
    await this.#entra.stop();
    removeDirectory(this.directory);
  }
}

export const TENANT = '11111111-1111-4111-8111-111111111111';
