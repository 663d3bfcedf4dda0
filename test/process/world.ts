import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SECRET, Simulator, type SimulatorOptions } from '../../src/simulator/simulator.ts';
import { Replica } from './replica.ts';

export const TENANT = '11111111-1111-4111-8111-111111111111';
export const CLIENT = '22222222-2222-4222-8222-222222222222';

/** A simulated Microsoft, and the replicas of a test. */
export class World {
  readonly simulator: Simulator;
  readonly directory = mkdtempSync(join(tmpdir(), 'callkeeper-world-'));
  readonly #replicas: Replica[] = [];

  constructor(options: SimulatorOptions = {}) {
    this.simulator = new Simulator({ deadlineMs: 12_000, ...options });
  }

  async start(): Promise<this> {
    await this.simulator.start();
    writeFileSync(join(this.directory, 'ca.pem'), this.simulator.caCertificate);
    return this;
  }

  /** The environment of a replica in this world, with an interval of 4 s. */
  env(): Record<string, string> {
    return {
      KEEPALIVE_INTERVAL: '4s',
      KEEPALIVE_DEADLINE: '12s',
      GRAPH_BASE_URL: this.simulator.graphBaseUrl,
      AZURE_AUTHORITY_HOST: this.simulator.authorityHost,
      NODE_EXTRA_CA_CERTS: join(this.directory, 'ca.pem'),
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: CLIENT,
      AZURE_CLIENT_SECRET: DEFAULT_SECRET,
      DATA_DIR: join(this.directory, 'data'),
    };
  }

  /** In one step: a watched file that is half written would be faulty. */
  replaceFile(path: string, text: string): void {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }

  /** The world ends it at the latest. */
  replica(env: Readonly<Record<string, string>>): Replica {
    const replica = new Replica({ ...this.env(), ...env }, this.directory);
    this.#replicas.push(replica);
    return replica;
  }

  async stop(): Promise<void> {
    for (const replica of this.#replicas) replica.signal('SIGCONT');
    await Promise.all(this.#replicas.map((replica) => replica.stop()));
    await this.simulator.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
