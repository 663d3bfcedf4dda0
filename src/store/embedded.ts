import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import { noOwnRedis, Reaper, spawned } from '../platform/processes.ts';
import {
  directoryIn,
  EmbeddedRedisError,
  evictOrphan,
  type Running,
  stateFileIn,
  urlOf,
} from './embedded-state.ts';
import { canConnect, freePort } from './loopback.ts';

const SHARED_CONF = fileURLToPath(new URL('../../config/redis.conf', import.meta.url));

/** The first pause before a dead redis-server is restarted, in ms. Then it doubles. */
const RESTART_MS = 50;
/** The longest pause. A server that lived for longer resets the pause to the first. */
const RESTART_CAP_MS = 5_000;
/** The longest wait until a redis-server listens, in ms. Usually 20 ms, before it loads. */
const LISTENING_MS = 5_000;
const LISTENING_POLL_MS = 5;
const VERSION_TIMEOUT_MS = 5_000;

/**
 * The embedded `redis-server`, for one replica without another Redis: on loopback, with a random
 * password, and its append-only file in the data directory. If it dies, it is restarted. It stops
 * with the daemon, even if the daemon is killed. If it still outlives its daemon, the next daemon
 * finds it by its state file, and stops it before it opens the data.
 */
export class EmbeddedRedis {
  readonly #directory: string;
  readonly #log: Logger;
  #running: Running | null = null;
  #reaper: Reaper | null = null;
  #child: ChildProcess | null = null;
  #spawning: Promise<void> = Promise.resolve();
  #restarts = 0;
  #stopping = false;

  constructor(dataDir: string, log: Logger) {
    this.#directory = directoryIn(dataDir);
    this.#log = log;
  }

  get pid(): number | null {
    const child = this.#child;
    return child?.exitCode === null && child.signalCode === null ? (child.pid ?? null) : null;
  }

  /** Resolves with its URL when it accepts connections. It may still be loading its data. */
  async start(): Promise<string> {
    refuseIfImpossible();
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await evictOrphan(this.#stateFile, this.#log);
    const port = await freePort();
    const password = randomBytes(24).toString('base64url');
    this.#running = { owner: process.pid, port, password };
    await writeFile(this.#stateFile, JSON.stringify(this.#running), { mode: 0o600 });
    this.#reaper = await Reaper.start();
    await this.#spawn().catch((error: Error) => {
      throw missing(error);
    });
    await this.#listening(port);
    this.#log.info({ port, directory: this.#directory }, 'embedded redis-server started');
    return urlOf(this.#running);
  }

  /** Waits until the server has written its data. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#spawning.catch(() => undefined);
    const child = this.#child;
    if (child && this.pid !== null) {
      const exited = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      await exited;
    }
    this.#reaper?.stop();
    if (this.#running) await rm(this.#stateFile, { force: true });
    this.#running = null;
  }

  get #stateFile(): string {
    return stateFileIn(this.#directory);
  }

  /** Otherwise the first heartbeat would warn about a starting server. */
  async #listening(port: number): Promise<void> {
    const until = performance.now() + LISTENING_MS;
    while (this.pid !== null && performance.now() < until && !(await canConnect(port))) {
      await sleep(LISTENING_POLL_MS);
    }
  }

  async #spawn(): Promise<void> {
    const child = spawn('redis-server', ['-'], {
      stdio: ['pipe', 'ignore', 'inherit'],
      detached: true,
    });
    await spawned(child);
    this.#child = child;
    this.#reaper?.watch(child.pid ?? null);
    child.stdin.on('error', () => undefined); // it died before it read; see `exit`
    if (this.#running) child.stdin.end(configuration(this.#running, this.#directory));
    const startedAt = performance.now();
    child.once('exit', (code, signal) => {
      this.#reaper?.watch(null);
      if (performance.now() - startedAt > RESTART_CAP_MS) this.#restarts = 0;
      void this.#restart({ code, signal });
    });
  }

  /** Also while the daemon stops, because its last writes need the server. */
  async #restart(ended: object): Promise<void> {
    if (this.#stopping) return;
    this.#log.error(ended, 'embedded redis-server died: restarting it');
    while (!this.#stopping) {
      const pauseMs = Math.min(RESTART_CAP_MS, RESTART_MS * 2 ** this.#restarts++);
      await sleep(pauseMs, undefined, { ref: false });
      if (this.#stopping) return;
      this.#spawning = this.#spawn();
      const err = await this.#spawning.then(() => null, toError);
      if (err === null) return;
      this.#log.error({ err }, 'embedded redis-server cannot be started: retrying');
    }
  }
}

/**
 * The version of the `redis-server` that would be started.
 *
 * @throws EmbeddedRedisError if there is none
 */
export async function embeddedVersion(): Promise<string> {
  refuseIfImpossible();
  try {
    const { stdout } = await promisify(execFile)('redis-server', ['--version'], {
      timeout: VERSION_TIMEOUT_MS,
    });
    return /\bv=(\S+)/.exec(stdout)?.[1] ?? stdout.trim();
  } catch (error) {
    throw missing(error as Error);
  }
}

function configuration({ port, password }: Running, directory: string): string {
  return [
    `include "${SHARED_CONF}"`,
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir "${directory}"`,
    'daemonize no',
    'logfile ""',
    '',
  ].join('\n');
}

function toError(error: Error): Error {
  return error;
}

function refuseIfImpossible(): void {
  const reason = noOwnRedis();
  if (reason !== null) throw new EmbeddedRedisError(`REDIS_URL is not set. ${reason}`);
}

function missing(cause: NodeJS.ErrnoException): EmbeddedRedisError {
  const install =
    'install one (Debian and Ubuntu: apt-get install redis-server; macOS: brew install redis)';
  const what =
    cause.code === 'ENOENT' ? `started: ${install}` : `started (${cause.message}): correct that`;
  return new EmbeddedRedisError(
    `REDIS_URL is not set and no redis-server could be ${what} or set REDIS_URL.`,
    { cause },
  );
}
