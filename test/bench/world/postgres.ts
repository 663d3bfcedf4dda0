import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../free-port.ts';
import { procStat } from '../../proc.ts';
import { pinned } from './cores.ts';
import { newDirectory, removeDirectory, watchOver } from './remains.ts';
import type { Store } from './store.ts';

/** The unit of CPU times in /proc, on every Linux. */
const TICKS_PER_S = 100;

/** A PostgreSQL for one round: with its defaults, on loopback, in its own directory. */
export class BenchPostgres implements Store {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(port: number, child: ChildProcess, directory: string) {
    this.url = `postgres://bench@127.0.0.1:${port}/postgres`;
    this.#child = child;
    this.#directory = directory;
  }

  static async start(): Promise<BenchPostgres> {
    const directory = newDirectory('postgres');
    const owner = unprivileged();
    if (owner) chownSync(directory, owner.uid, owner.gid);
    const data = join(directory, 'data');
    const initdb = [data, '--auth=trust', '--username=bench', '--encoding=UTF8', '--no-sync'];
    const { status, stderr } = spawnSync(programOf('initdb'), ['-D', ...initdb], {
      ...owner,
      cwd: directory,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
    const port = await freePort();
    const settings = { port, listen_addresses: '127.0.0.1', unix_socket_directories: directory };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const command = [programOf('postgres'), '-D', data, ...options];
    const [program, args] = pinned('store', command);
    const child = spawn(program, args, { ...owner, cwd: directory, stdio: 'ignore' });
    watchOver(child);
    await once(child, 'spawn');
    const postgres = new BenchPostgres(port, child, directory);
    await postgres.#answers();
    return postgres;
  }

  /** Of the postmaster and all its children, including those that have ended. */
  async cpuUs(): Promise<number> {
    const postmaster = this.#child.pid ?? 0;
    let ticks = 0;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const stat = procStat(pid);
      const own = Number(pid) === postmaster;
      if (!stat || (!own && stat.parent !== postmaster)) continue;
      ticks += stat.ticks + (own ? stat.endedChildrenTicks : 0);
    }
    return (ticks / TICKS_PER_S) * 1e6;
  }

  async bytes(): Promise<number> {
    return Number(this.#query('SELECT pg_database_size(current_database())'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGQUIT'); // at once; its data is thrown away
      await exited;
    }
    removeDirectory(this.#directory);
  }

  async #answers(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        this.#query('SELECT 1');
        return;
      } catch (error) {
        if (attempt === 200 || this.#child.exitCode !== null) throw error;
        await sleep(50);
      }
    }
  }

  #query(text: string): string {
    const args = [this.url, '-XAtc', text];
    const { status, stdout, stderr } = spawnSync(programOf('psql'), args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`psql: ${stderr}`);
    return stdout.trim();
  }
}

export function postgresVersion(): string {
  const { stdout } = spawnSync(programOf('postgres'), ['--version'], { encoding: 'utf8' });
  return /[\d.]+/.exec(stdout ?? '')?.[0] ?? 'none';
}

/** PostgreSQL refuses to run as root, so root runs it as the user that its package creates. */
function unprivileged(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const id = (flag: string) => Number(spawnSync('id', [flag, 'postgres']).stdout.toString());
  return { uid: id('-u'), gid: id('-g') };
}

/** On Debian the programs of a major version are not on the PATH. */
function programOf(name: string): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(root, version, 'bin', name)).find(existsSync);
  return found ?? name;
}
