import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { RedisServer } from './redis-server.ts';

/** For a test file: a Cluster that runs before its tests and stops after them. */
export function clusterForFile(options: string[] = []): RedisCluster {
  const cluster = new RedisCluster(options);
  beforeAll(() => cluster.start(), 60_000);
  afterAll(() => cluster.stop(), 60_000);
  return cluster;
}

/** After this silence a node counts as failed. */
const NODE_TIMEOUT_MS = 2_000;
const HASH_SLOTS = 16_384;
const PATIENCE_MS = 60_000;

/** What one node says about another. */
interface NodeInfo {
  readonly id: string;
  readonly port: number;
  readonly flags: readonly string[];
  readonly masterId: string;
  readonly ranges: readonly string[];
}

/** A real Redis Cluster on loopback: three masters, each with a replica. */
export class RedisCluster {
  readonly nodes: RedisServer[] = [];
  readonly #options: readonly string[];
  #client: Cluster | null = null;

  /** @param options of every node, as on the command line */
  constructor(options: readonly string[] = []) {
    this.#options = options;
  }

  get url(): string {
    return `redis+cluster://${this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  }

  /** For the test itself; its commands wait until the nodes answer again. */
  get client(): Cluster {
    this.#client ??= this.newClient();
    return this.#client;
  }

  newClient(): Cluster {
    const nodes = this.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
    const client = new Cluster(nodes, {
      clusterRetryStrategy: () => 100,
      maxRedirections: 1_000,
      redisOptions: { replyMapping: 'legacy', connectTimeout: 1_000, socketTimeout: 3_000 },
    });
    client.on('error', () => undefined); // the nodes come and go
    return client;
  }

  async start(): Promise<void> {
    try {
      await Promise.all(Array.from({ length: 6 }, () => this.#startNode()));
      await this.#join();
      await this.settled();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#client?.disconnect();
    this.#client = null;
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  async flush(): Promise<void> {
    for (const master of await this.masters()) await master.client.flushall();
  }

  /** The masters, from those nodes that run, by port. */
  async masters(): Promise<RedisServer[]> {
    const serving = (await this.#look()).filter(
      ({ flags, ranges }) => flags.includes('master') && !isFailed(flags) && ranges.length > 0,
    );
    return serving.map(({ port }) => this.#node(port));
  }

  async masterOf(key: string): Promise<RedisServer> {
    const slot = await this.client.cluster('KEYSLOT', key);
    const found = (await this.#look()).find(
      ({ flags, ranges }) => flags.includes('master') && ranges.some((range) => holds(range, slot)),
    );
    if (!found) throw new Error(`nobody serves ${key}`);
    return this.#node(found.port);
  }

  async replicasOf(master: RedisServer): Promise<RedisServer[]> {
    const all = await this.#look();
    const id = all.find(({ port }) => port === master.port)?.id;
    return all.filter(({ masterId }) => masterId === id).map(({ port }) => this.#node(port));
  }

  /**
   * Resolves when all hash slots are served and each running node is a master or in sync with its
   * master.
   */
  async settled(): Promise<void> {
    const limit = Date.now() + PATIENCE_MS;
    while (!(await this.#isSettled().catch(() => false))) {
      if (Date.now() > limit) throw new Error('the Cluster does not settle');
      await sleep(50);
    }
  }

  /** Moves hash slots with their keys from one master to another, as a reshard does. */
  async migrate(slots: readonly number[], from: RedisServer, to: RedisServer): Promise<void> {
    const all = await this.#look();
    const idOf = ({ port }: RedisServer) => all.find((node) => node.port === port)?.id ?? '';
    const [source, target] = [idOf(from), idOf(to)];
    const others = (await this.masters()).filter((master) => master !== from && master !== to);
    for (const slot of slots) {
      await to.client.cluster('SETSLOT', slot, 'IMPORTING', source);
      await from.client.cluster('SETSLOT', slot, 'MIGRATING', target);
      for (;;) {
        const keys = await from.client.cluster('GETKEYSINSLOT', slot, 10);
        if (keys.length === 0) break;
        await from.client.migrate('127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
      }
      for (const master of [to, from, ...others]) {
        await master.client.cluster('SETSLOT', slot, 'NODE', target);
      }
    }
  }

  async #startNode(): Promise<void> {
    const node = new RedisServer([
      ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'],
      ...['--cluster-node-timeout', `${NODE_TIMEOUT_MS}`],
      ...['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'],
      ...this.#options,
    ]);
    this.nodes.push(node);
    await node.start();
  }

  async #join(): Promise<void> {
    const [first] = this.nodes as [RedisServer];
    const busPort = async ({ client }: RedisServer) => {
      const [, port = ''] = await client.config('GET', 'cluster-port');
      return port;
    };
    for (const [i, node] of this.nodes.entries()) {
      await node.client.cluster('SET-CONFIG-EPOCH', i + 1);
      if (node !== first) {
        await first.client.call('CLUSTER', 'MEET', '127.0.0.1', node.port, await busPort(node));
      }
    }
    const masters = this.nodes.slice(0, 3);
    for (const [i, { client }] of masters.entries()) {
      const at = (n: number) => Math.floor((n * HASH_SLOTS) / masters.length);
      await client.call('CLUSTER', 'ADDSLOTSRANGE', at(i), at(i + 1) - 1);
    }
    for (const [i, node] of this.nodes.slice(3).entries()) {
      const master = await (masters[i] as RedisServer).client.cluster('MYID');
      const limit = Date.now() + PATIENCE_MS;
      // Fails until the node has heard of its master.
      while (!(await node.client.cluster('REPLICATE', master).then(isOk, () => false))) {
        if (Date.now() > limit) throw new Error('the nodes do not meet');
        await sleep(50);
      }
    }
  }

  async #isSettled(): Promise<boolean> {
    const running = this.nodes.filter((node) => node.running);
    for (const { client } of running) {
      if (!(await client.cluster('INFO')).includes('cluster_state:ok')) return false;
      const replication = await client.info('replication');
      if (!/role:master|master_link_status:up/.test(replication)) return false;
    }
    // Until all nodes agree.
    const views = await Promise.all(running.map((node) => this.#lookAt(node)));
    const masters = views.map((view) =>
      view
        .filter(({ flags, ranges }) => flags.includes('master') && ranges.length > 0)
        .map(({ port, ranges }) => `${port}: ${ranges.join(' ')}`)
        .sort()
        .join('; '),
    );
    const alive = views.every((view) =>
      running.every(({ port }) => view.some((node) => node.port === port && !isFailed(node.flags))),
    );
    return alive && new Set(masters).size === 1;
  }

  /** As seen by the first node that answers. */
  async #look(): Promise<NodeInfo[]> {
    for (const node of this.nodes.filter((one) => one.running)) {
      const seen = await Promise.race([this.#lookAt(node), sleep(1_000, null)]).catch(() => null);
      if (seen) return seen;
    }
    throw new Error('no node answers');
  }

  async #lookAt({ client }: RedisServer): Promise<NodeInfo[]> {
    const text = await client.cluster('NODES');
    return String(text)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [id = '', address = '', flags = '', masterId = '', , , , , ...ranges] =
          line.split(' ');
        const port = Number(/:(\d+)@/.exec(address)?.[1]);
        return { id, port, flags: flags.split(','), masterId, ranges };
      });
  }

  #node(port: number): RedisServer {
    const node = this.nodes.find((one) => one.port === port);
    if (!node) throw new Error(`no node has port ${port}`);
    return node;
  }
}

function isFailed(flags: readonly string[]): boolean {
  return flags.some((flag) => ['fail', 'fail?', 'handshake', 'noaddr'].includes(flag));
}

function holds(range: string, slot: number): boolean {
  const [from = '', to = from] = range.split('-');
  return Number(from) <= slot && slot <= Number(to);
}

function isOk(reply: unknown): boolean {
  return reply === 'OK';
}
