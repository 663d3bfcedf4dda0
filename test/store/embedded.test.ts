import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { EmbeddedRedis } from '../../src/store/embedded.ts';
import { EmbeddedRedisError } from '../../src/store/embedded-state.ts';
import { canConnect } from '../../src/store/loopback.ts';
import { assertSupported } from '../../src/store/supported.ts';
import { freePort } from '../free-port.ts';
import { procStat } from '../proc.ts';
import { SOON, silent } from './fixture.ts';

let dataDir = '';
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'callkeeper-embedded-'));
  return () => rm(dataDir, { recursive: true, force: true });
});
const stateFile = () => join(dataDir, 'redis', 'running.json');

async function started(log = silent) {
  const embedded = new EmbeddedRedis(dataDir, log);
  onTestFinished(() => embedded.stop());
  return { embedded, url: await embedded.start() };
}

/** A client that waits for the server, and for its return. */
function connect(url: string): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: null,
    retryStrategy: () => 50,
    replyMapping: 'legacy',
  });
  redis.on('error', () => undefined);
  onTestFinished(() => redis.disconnect());
  return redis;
}

const pidOf = async (redis: Redis) =>
  Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]);
const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const childrenOf = (pid: number | undefined) =>
  readdirSync('/proc')
    .filter((name) => procStat(name)?.parent === pid)
    .map(Number);
const end = (pid: number) => {
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
};

/** A log whose lines can be awaited. */
function aLog() {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const logged = (times: number, text: string) =>
    vi.waitFor(
      () =>
        expect(lines.filter((line) => line.includes(text)).length).toBeGreaterThanOrEqual(times),
      SOON,
    );
  return { log, logged };
}

/** Another daemon's worth of embedded Redis, in a process of its own. */
async function anOwner() {
  const script = `
    import { pino } from 'pino';
    import { EmbeddedRedis } from ${JSON.stringify(new URL('../../src/store/embedded.ts', import.meta.url).href)};
    const embedded = new EmbeddedRedis(${JSON.stringify(dataDir)}, pino({ level: 'silent' }));
    const url = await embedded.start();
    process.once('SIGTERM', () => embedded.stop().then(() => process.exit()));
    console.log(url);
    setInterval(() => {}, 1_000);
  `;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    if (owner.exitCode !== null || owner.signalCode !== null) return;
    owner.kill('SIGTERM');
    await once(owner, 'exit');
  });
  const [url] = (await once(createInterface(owner.stdout), 'line')) as [string];
  return { owner, url };
}

describe('the embedded redis-server', () => {
  test('serves on loopback, with a password, and keeps calls as we need it', async () => {
    const { url } = await started();
    expect(new URL(url).hostname).toBe('127.0.0.1');
    expect(new URL(url).password.length).toBeGreaterThanOrEqual(24);
    const redis = connect(url);
    await assertSupported(redis);
    expect(await redis.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
    expect(await redis.config('GET', 'bind')).toEqual(['bind', '127.0.0.1']);
    const stranger = new Redis(url.replace(/:[^:@]+@/, ':wrong@'), {
      retryStrategy: null,
      lazyConnect: true,
    });
    stranger.on('error', () => undefined);
    await expect(stranger.connect().then(() => stranger.ping())).rejects.toThrow();
    stranger.disconnect();
  });

  test('takes connections as soon as it is started, and as it loads its data', async () => {
    const first = await started();
    expect(await canConnect(Number(new URL(first.url).port))).toBe(true);
    await connect(first.url).set('kept', 'yes');
    await first.embedded.stop();
    const second = await started();
    expect(await canConnect(Number(new URL(second.url).port))).toBe(true);
  });

  test('keeps its password to this user, and out of the log and the list of processes', async () => {
    const logged: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
    const { url } = await started(log);
    const { password } = new URL(url);
    const pid = await pidOf(connect(url));
    expect(logged.join('')).not.toContain(password);
    expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(password);
    expect((await stat(stateFile())).mode & 0o077).toBe(0);
    expect((await stat(join(dataDir, 'redis'))).mode & 0o077).toBe(0);
  });

  test('has its data again after a restart of the daemon', async () => {
    const first = await started();
    await connect(first.url).set('kept', 'yes');
    await first.embedded.stop();
    expect(existsSync(stateFile())).toBe(false);
    const second = await started();
    expect(second.url).not.toBe(first.url);
    expect(await connect(second.url).get('kept')).toBe('yes');
  });

  test('ends with the daemon, and can be stopped twice and before it was started', async () => {
    const { embedded, url } = await started();
    const pid = await pidOf(connect(url));
    await embedded.stop();
    await embedded.stop();
    expect(isAlive(pid)).toBe(false);
    await new EmbeddedRedis(dataDir, silent).stop();
  });

  test('is started again when it is killed, where it was, with its data', async () => {
    const { url } = await started();
    const redis = connect(url);
    await redis.set('kept', 'yes');
    await redis.call('WAITAOF', '1', '0', '0').catch(() => undefined); // Redis 7.2; otherwise within a second
    await vi.waitFor(
      async () => expect(await redis.info('persistence')).toContain('aof_last_write_status:ok'),
      SOON,
    );
    const pid = await pidOf(redis);
    await vi.waitFor(async () => {
      const manifest = await readFile(
        join(dataDir, 'redis', 'appendonlydir', 'appendonly.aof.1.incr.aof'),
        'utf8',
      );
      expect(manifest).toContain('kept');
    }, SOON);
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(async () => expect(await pidOf(redis)).not.toBe(pid), {
      timeout: 30_000,
      interval: 50,
    });
    expect(await redis.get('kept')).toBe('yes');
  }, 60_000);

  test.each<[string, (bin: string) => Promise<() => unknown>]>([
    [
      'is not there (ENOENT)',
      async (bin) => {
        await rename(join(bin, 'redis-server'), join(bin, 'moved'));
        return () => rename(join(bin, 'moved'), join(bin, 'redis-server'));
      },
    ],
    [
      'cannot be executed (EACCES)',
      async (bin) => {
        await chmod(join(bin, 'redis-server'), 0o644);
        return () => chmod(join(bin, 'redis-server'), 0o755);
      },
    ],
  ])('is started again when it was killed and %s for a while', async (reason, spoil) => {
    const bin = await mkdtemp(join(tmpdir(), 'callkeeper-bin-'));
    onTestFinished(() => rm(bin, { recursive: true, force: true }));
    const real = execFileSync('sh', ['-c', 'command -v redis-server'], { encoding: 'utf8' });
    await writeFile(join(bin, 'redis-server'), `#!/bin/sh\nexec ${real.trim()} "$@"\n`);
    await chmod(join(bin, 'redis-server'), 0o755);
    vi.stubEnv('PATH', bin);
    onTestFinished(() => void vi.unstubAllEnvs());
    const { log, logged } = aLog();
    const { url, embedded } = await started(log);
    const redis = connect(url);
    await redis.set('kept', 'yes');
    await redis.save();
    const pid = await pidOf(redis);
    const mend = await spoil(bin);
    process.kill(pid, 'SIGKILL');
    await logged(2, 'cannot be started: retrying').finally(mend);
    await logged(1, /\((\w+)\)/.exec(reason)?.[1] ?? '');
    await expect.poll(() => embedded.pid).not.toBeNull();
    expect(await pidOf(redis)).not.toBe(pid);
  });

  test('is started again however often it dies, and by whatever signal', async () => {
    const { log, logged } = aLog();
    const { url, embedded } = await started(log);
    const redis = connect(url);
    for (const [i, signal] of (['SIGTERM', 'SIGKILL', 'SIGINT'] as const).entries()) {
      await redis.ping();
      process.kill(embedded.pid ?? Number.NaN, signal);
      await logged(i + 1, 'embedded redis-server died');
      await expect.poll(() => embedded.pid).not.toBeNull();
    }
    expect(await redis.ping()).toBe('PONG');
  });

  test('can be stopped while it cannot be started', async () => {
    const { log, logged } = aLog();
    const { url, embedded } = await started(log);
    const pid = await pidOf(connect(url));
    vi.stubEnv('PATH', dataDir);
    onTestFinished(() => void vi.unstubAllEnvs());
    process.kill(pid, 'SIGKILL');
    await logged(1, 'cannot be started: retrying');
    await embedded.stop();
    expect(existsSync(stateFile())).toBe(false);
  });

  test('is not hit by a Ctrl-C in the terminal, which is for the daemon to stop it after its work', async () => {
    const { url } = await started();
    const pid = await pidOf(connect(url));
    const [its, ours] = [procStat(pid), procStat(process.pid)];
    expect(its).toMatchObject({ group: expect.any(Number) });
    expect(its?.group).not.toBe(ours?.group);
  });
});

describe('data that another daemon had', () => {
  test('is refused while that daemon lives', async () => {
    const { owner, url } = await anOwner();
    await connect(url).ping();
    const refusal = await new EmbeddedRedis(dataDir, silent)
      .start()
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(EmbeddedRedisError);
    expect((refusal as Error).message).toBe(
      `DATA_DIR is in use by process ${owner.pid}. Give each replica a DATA_DIR of its own, ` +
        'or REDIS_URL to all of them for a schedule that they share.',
    );
    expect(await connect(url).ping()).toBe('PONG');
  });

  test('is taken over when that daemon was killed, and its redis-server with it', async () => {
    const { owner, url } = await anOwner();
    const redis = connect(url);
    await redis.set('kept', 'yes');
    const pid = await pidOf(redis);
    onTestFinished(() => end(pid));
    owner.kill('SIGKILL');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), SOON);
    const { url: own } = await started();
    expect(await connect(own).get('kept')).toBe('yes');
  });

  test('is taken over from a redis-server that outlived its daemon', async () => {
    const { owner, url } = await anOwner();
    const orphan = connect(url);
    await orphan.set('kept', 'yes');
    const pid = await pidOf(orphan);
    onTestFinished(() => end(pid));
    for (const child of childrenOf(owner.pid)) if (child !== pid) end(child);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const { url: own } = await started();
    expect(await connect(own).get('kept')).toBe('yes');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), SOON);
  });

  test.each([
    ['cut off', () => '{"owner": 1, "po'],
    [
      'of a server that is gone',
      (port: number) => JSON.stringify({ owner: 1, port, password: 'x' }),
    ],
  ])('with a state file %s is taken over', async (_, contents) => {
    await (await started()).embedded.stop();
    await writeFile(stateFile(), contents(await freePort()));
    expect(await connect((await started()).url).ping()).toBe('PONG');
  });
});

describe('without a redis-server', () => {
  test('the error says how to install one', async () => {
    vi.stubEnv('PATH', dataDir);
    onTestFinished(() => void vi.unstubAllEnvs());
    const embedded = new EmbeddedRedis(dataDir, silent);
    const refusal = await embedded.start().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(EmbeddedRedisError);
    expect((refusal as Error).message).toBe(
      'REDIS_URL is not set and no redis-server could be started: install one ' +
        '(Debian and Ubuntu: apt-get install redis-server; macOS: brew install redis) or set REDIS_URL.',
    );
    await embedded.stop();
  });
});
