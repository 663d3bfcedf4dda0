import { writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_SECRET, Simulator, type SimulatorOptions } from '../../src/simulator/simulator.ts';
import type { RedisClient } from '../../src/store/connection.ts';
import { Bot } from './bot.ts';
import { Link } from './link.ts';
import { RedisProcess } from './redis-process.ts';
import { Replica, type ReplicaOptions } from './replica.ts';

/** Several redis-servers that serve as one. */
export interface RedisGroup {
  readonly url: string;
  /** Works whatever happens to the servers. */
  readonly client: RedisClient;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** The scaled-down timings of all scenarios, in ms. */
export const INTERVAL_MS = 4_000;
export const DEADLINE_MS = 12_000;

export interface WorldOptions {
  /** Default: 2. */
  replicas?: number;
  /** A {@link Link} between each replica and Redis. */
  linked?: boolean;
  /** For every replica; overrides what the world sets. */
  env?: NodeJS.ProcessEnv;
  /** How far the clocks of the first replicas are ahead, in s; undefined: right. */
  clocksAheadS?: readonly (number | undefined)[];
  movableClocks?: boolean;
  movableRedisClock?: boolean;
  /** Replicas find Redis by a name, whose address can change. */
  named?: boolean;
  /** The sources of the replicas that are started first: another version of this repository. */
  source?: string;
  /** Instead of the single redis-server; not started yet. */
  group?: RedisGroup;
  simulator?: SimulatorOptions;
  random?: () => number;
}

/** What is special about some of the replicas. */
type LaunchOptions = Partial<Pick<ReplicaOptions, 'source' | 'env'>>;

/** A simulated Microsoft; a real Redis, some real replicas and a bot. */
export class World implements AsyncDisposable {
  readonly simulator: Simulator;
  #redis: RedisProcess | null;
  readonly directory: string;
  readonly bot: Bot;
  /** All that ever ran, in the order of their starts. */
  readonly replicas: Replica[] = [];
  readonly #options: WorldOptions;
  readonly #links = new Map<Replica, Link>();
  readonly #over = new AbortController();
  /** Times in which a replica may not have known what the others did. Epoch ms. */
  readonly #separations: { readonly from: number; to: number }[] = [];

  private constructor(
    options: WorldOptions,
    simulator: Simulator,
    redis: RedisProcess | null,
    directory: string,
  ) {
    this.#options = options;
    this.simulator = simulator;
    this.#redis = redis;
    this.directory = directory;
    this.bot = new Bot(simulator, () => this.replicas, options.random);
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const directory = await mkdtemp(join(tmpdir(), 'callkeeper-faults-'));
    const simulator = new Simulator({ deadlineMs: DEADLINE_MS, ...options.simulator });
    await simulator.start();
    await writeFile(join(directory, 'ca.pem'), simulator.caCertificate);
    await writeFile(join(directory, 'secret'), DEFAULT_SECRET);
    const { group, movableRedisClock: movableClock = false } = options;
    const starting = group ? group.start().then(() => null) : RedisProcess.start({ movableClock });
    const redis = await starting.catch(async (error) => {
      await simulator.stop();
      throw error;
    });
    const world = new World(options, simulator, redis, directory);
    try {
      if (redis) world.name(redis.host);
      const source = options.source ? { source: options.source } : {};
      await world.startReplicas(options.replicas ?? 2, source);
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Aborted when the test no longer uses this world. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  get redis(): RedisProcess {
    if (!this.#redis) throw new Error('this world has a group of redis-servers');
    return this.#redis;
  }

  set redis(redis: RedisProcess) {
    this.#redis = redis;
  }

  /** For the test itself, to read the shared state. */
  get client(): RedisClient {
    return this.#options.group?.client ?? this.redis.client;
  }

  get living(): Replica[] {
    return this.replicas.filter((replica) => !replica.hasEnded);
  }

  /** In the order of their starts. */
  replica(index: number): Replica {
    const replica = this.replicas[index];
    if (!replica) throw new RangeError(`no replica ${index} was started`);
    return replica;
  }

  link(replica: Replica): Link {
    const link = this.#links.get(replica);
    if (!link) throw new Error('start the world with linked: true');
    return link;
  }

  get links(): Link[] {
    return [...this.#links.values()];
  }

  async startReplicas(count: number, of: LaunchOptions = {}): Promise<Replica[]> {
    const started: Replica[] = [];
    for (let i = 0; i < count; i++) started.push(await this.launch(of));
    await Promise.all(
      started.map((replica) => (replica.hasWrongClock ? replica.inStep() : replica.ready())),
    );
    return started;
  }

  /** Does not wait until the replica is ready. */
  async launch({ env, ...of }: LaunchOptions = {}): Promise<Replica> {
    const link = this.#options.linked ? await Link.to(this.redis.port) : null;
    const { clocksAheadS, movableClocks } = this.#options;
    const clockAheadS = clocksAheadS?.[this.replicas.length] ?? (movableClocks ? 0 : undefined);
    const replica = new Replica({
      name: `replica-${this.replicas.length}`,
      directory: this.directory,
      env: { ...this.#env(link), ...this.#options.env, ...env },
      within: this.#options.named ? [...WITH_HOSTS, this.#hosts] : [],
      ...of,
      ...(clockAheadS === undefined ? {} : { clockAheadS }),
    });
    this.replicas.push(replica);
    if (link) this.#links.set(replica, link);
    return replica;
  }

  /** From now on the name of Redis has this address. */
  name(address: string): void {
    writeFileSync(this.#hosts, `127.0.0.1 localhost\n${address} ${REDIS_NAME}\n`);
  }

  /** Runs something that keeps replicas from seeing each other. */
  async separating(act: () => Promise<void>): Promise<void> {
    const separation = { from: Date.now(), to: Infinity };
    this.#separations.push(separation);
    await act();
    separation.to = Date.now();
  }

  /** When every replica can know what happened at this instant. */
  knownFrom(at: number): number {
    const soon = 500;
    const during = this.#separations.filter(({ from, to }) => from - soon < at && at < to + soon);
    return Math.max(at, ...during.map(({ to }) => to));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await Promise.all(this.replicas.map((replica) => replica.kill()));
    await Promise.all(this.links.map((link) => link.refuse()));
    await this.#redis?.stop();
    await this.#options.group?.stop();
    await this.simulator.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  get #hosts(): string {
    return join(this.directory, 'hosts');
  }

  #redisUrl(link: Link | null): string {
    const { group, named } = this.#options;
    if (group) return group.url;
    return `redis://${named ? REDIS_NAME : '127.0.0.1'}:${link?.port ?? this.redis.port}`;
  }

  #env(link: Link | null): NodeJS.ProcessEnv {
    return {
      HOST: '127.0.0.1',
      PORT: '0',
      REDIS_URL: this.#redisUrl(link),
      GRAPH_BASE_URL: this.simulator.graphBaseUrl,
      AZURE_AUTHORITY_HOST: this.simulator.authorityHost,
      NODE_EXTRA_CA_CERTS: join(this.directory, 'ca.pem'),
      AZURE_TENANT_ID: '11111111-1111-4111-8111-111111111111',
      AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
      AZURE_CLIENT_SECRET_FILE: join(this.directory, 'secret'),
      KEEPALIVE_INTERVAL: `${INTERVAL_MS}ms`,
      KEEPALIVE_DEADLINE: `${DEADLINE_MS}ms`,
      RATE_LIMIT: '100000',
      LOG_LEVEL: process.env.FAULTS_LOG_LEVEL ?? 'info',
    };
  }
}

const REDIS_NAME = 'redis.test';

/** Runs the following command with another hosts file. */
const WITH_HOSTS = [
  ...['unshare', '--mount', 'sh', '-c'],
  'hosts=$1; shift; mount --bind "$hosts" /etc/hosts && exec "$@"',
  'sh',
];

/** @param what names the condition in the error if it does not come true */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<void> {
  const limit = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > limit) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(25);
  }
}
