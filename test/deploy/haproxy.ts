import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CONFIG = fileURLToPath(new URL('../../config/haproxy.cfg', import.meta.url));

/** On Debian, only root's PATH has HAProxy. */
const PATH = `${process.env.PATH}:/usr/sbin`;

export interface Ports {
  readonly proxy: number;
  readonly replicas: number;
  readonly nameServer: number;
}

/** The limit of connections per address in these tests. */
export const MOST_OF_ADDRESS = 20;

/** HAProxy with config/haproxy.cfg, but other ports, and smaller limits that a test can reach. */
export class Haproxy {
  readonly #directory = mkdtempSync(join(tmpdir(), 'callkeeper-haproxy-'));
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #output = '';

  constructor(ports: Ports) {
    const file = join(this.#directory, 'haproxy.cfg');
    writeFileSync(file, configFor(ports));
    this.#child = spawn('haproxy', ['-db', '-f', file], {
      env: { PATH },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (data) => this.#add(data));
    this.#child.stderr?.on('data', (data) => this.#add(data));
    // Its output has been read to the end then.
    this.#exited = once(this.#child, 'close').then(([code]) => code as number | null);
  }

  get output(): string {
    return this.#output;
  }

  /** Stops as `docker compose stop` does: open connections are served to their end. */
  softStop(): Promise<number | null> {
    this.#child.kill('SIGUSR1');
    return this.#exited;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #add(data: Buffer): void {
    this.#output += data;
  }
}

function configFor({ proxy, replicas, nameServer }: Ports): string {
  const replacements: [is: string, becomes: string][] = [
    ['bind :8080', `bind 127.0.0.1:${proxy}`],
    ['127.0.0.11:53', `127.0.0.1:${nameServer}`],
    ['callkeeper:8080', `callkeeper:${replicas}`],
    ['hard-stop-after 8s', 'hard-stop-after 500ms'],
    ['timeout http-request 10s', 'timeout http-request 500ms'],
    ['sc0_conn_cur gt 3072', `sc0_conn_cur gt ${MOST_OF_ADDRESS}`],
  ];
  let text = readFileSync(CONFIG, 'utf8');
  for (const [is, becomes] of replacements) {
    if (!text.includes(is)) throw new Error(`config/haproxy.cfg has no "${is}"`);
    text = text.replaceAll(is, becomes);
  }
  return text;
}
