import { sumOf } from '../../metrics/samples.ts';
import { Child } from './child.ts';
import type { Role } from './cores.ts';
import type { Microsoft } from './microsoft.ts';

export interface DaemonOptions {
  readonly microsoft: Microsoft;
  readonly redisUrl: string;
  readonly intervalMs?: number;
  readonly role?: Role | null;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
}

/** The whole daemon (src/main.ts) as its users run it, plus the probe. */
export class Daemon implements AsyncDisposable {
  readonly child: Child;
  readonly url: string;
  /** From the start of the process until the replica has read everything in Redis. */
  readonly startMs: number;

  private constructor(child: Child, url: string, startMs: number) {
    this.child = child;
    this.url = url;
    this.startMs = startMs;
  }

  /** Resolves when the replica takes turns of the wheel. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { microsoft, redisUrl, intervalMs, role = 'subject', env, nodeArgs = [] } = options;
    const startedAt = performance.now();
    const lines = new Map<string, Record<string, unknown>>();
    const { promise: inStep, resolve } = Promise.withResolvers<void>();
    let isInStep = false;
    const child = new Child(new URL('../../../src/main.ts', import.meta.url), {
      role,
      nodeArgs,
      cwd: microsoft.directory, // without a .env
      env: {
        ...microsoft.env,
        PORT: '0',
        REDIS_URL: redisUrl,
        LOG_LEVEL: 'info',
        RATE_LIMIT: '1000000',
        ...(intervalMs === undefined ? {} : { KEEPALIVE_INTERVAL: `${intervalMs}ms` }),
        ...env,
      },
      onLine: (line) => {
        if (isInStep) return; // reading a line per call would cost CPU
        const told = parseLine(line);
        if (typeof told?.msg === 'string') lines.set(told.msg, told);
        isInStep = lines.has('listening') && lines.has('Redis serves');
        if (isInStep) resolve();
      },
    });
    try {
      await Promise.race([inStep, child.ended()]);
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
    const startMs = performance.now() - startedAt;
    return new Daemon(child, String(lines.get('listening')?.url), startMs);
  }

  /** The sum of a metric's series with these labels, such as `name{outcome="renewed"}`. */
  async metric(name: string): Promise<number> {
    return sumOf(await (await fetch(`${this.url}/metrics`)).text(), name);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.child[Symbol.asyncDispose]();
  }
}

function parseLine(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null; // a warning of Node's own
  }
}
