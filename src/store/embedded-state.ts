import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { isAlive } from '../platform/processes.ts';

export class EmbeddedRedisError extends Error {
  readonly code = 'EMBEDDED_REDIS';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EmbeddedRedisError';
  }
}

/** How to reach the running server; kept beside its data for the next daemon. */
export interface Running {
  /** The process id of the daemon that started it. */
  readonly owner: number;
  readonly port: number;
  readonly password: string;
}

export function directoryIn(dataDir: string): string {
  return resolve(dataDir, 'redis');
}

export function stateFileIn(directory: string): string {
  return join(directory, 'running.json');
}

/**
 * The URL of the redis-server that a living daemon has started for this directory; null
 * if there is none. Starts and stops nothing.
 */
export async function findEmbedded(dataDir: string): Promise<string | null> {
  const running = await readState(stateFileIn(directoryIn(dataDir)));
  return running !== null && isAlive(running.owner) ? urlOf(running) : null;
}

export function urlOf({ port, password }: Running): string {
  return `redis://:${password}@127.0.0.1:${port}`;
}

/** Stops the redis-server of a killed daemon. Rejects if its daemon still lives. */
export async function evictOrphan(stateFile: string, log: Logger): Promise<void> {
  const left = await readState(stateFile);
  if (!left) return;
  const redis = new Redis({
    host: '127.0.0.1',
    port: left.port,
    password: left.password,
    lazyConnect: true,
    connectTimeout: 1_000,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
  });
  redis.on('error', () => undefined); // usually nothing listens there
  try {
    await redis.connect();
    if (left.owner !== process.pid && isAlive(left.owner)) {
      throw new EmbeddedRedisError(
        `DATA_DIR is in use by process ${left.owner}. Give each replica a DATA_DIR of its own, ` +
          'or REDIS_URL to all of them for a schedule that they share.',
      );
    }
    log.warn('stopping the redis-server of a killed daemon first');
    await redis.shutdown('NOSAVE').catch(() => undefined); // it closes instead of answering
    await closed(redis);
  } catch (error) {
    if (error instanceof EmbeddedRedisError) throw error;
  } finally {
    redis.disconnect();
  }
}

async function readState(file: string): Promise<Running | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Running;
  } catch {
    return null; // the file is missing or incomplete
  }
}

function closed(redis: Redis): Promise<void> {
  return new Promise((done) => {
    if (redis.status === 'end') done();
    redis.once('end', () => done());
  });
}
