import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { freePort } from '../free-port.ts';
import { reap } from '../redis/reaper.ts';
import { ALERTS } from './promtool.ts';

/** A real Prometheus on loopback with config/alerts.yml, see {@link hurried}. */
export class Prometheus {
  readonly #directory = mkdtempSync(join(tmpdir(), 'callkeeper-prometheus-'));
  #url = '';
  #child: ChildProcess | null = null;

  /** @param target host:port of a replica's metrics, scraped twice a second */
  async start(target: string): Promise<void> {
    const port = await freePort();
    const config = join(this.#directory, 'prometheus.yml');
    writeFileSync(join(this.#directory, 'alerts.yml'), hurried(readFileSync(ALERTS, 'utf8')));
    const scraping = { job_name: 'callkeeper', static_configs: [{ targets: [target] }] };
    writeFileSync(
      config,
      stringify({
        global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
        rule_files: ['alerts.yml'],
        scrape_configs: [scraping],
      }),
    );
    this.#url = `http://127.0.0.1:${port}`;
    const args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(this.#directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    this.#child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    reap(this.#child);
    await this.#ready(this.#child);
  }

  /** The names of the firing alerts, sorted, each once. */
  async firing(): Promise<string[]> {
    const { data } = await this.#ask('/api/v1/alerts');
    const { alerts } = data as { alerts: { state: string; labels: { alertname: string } }[] };
    const names = alerts
      .filter(({ state }) => state === 'firing')
      .map((one) => one.labels.alertname);
    return [...new Set(names)].sort();
  }

  /** How many series the query returns; rejects if it is not valid. */
  async count(expr: string): Promise<number> {
    const { data } = await this.#ask(`/api/v1/query?query=${encodeURIComponent(expr)}`);
    return (data as { result: unknown[] }).result.length;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null) {
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #ask(path: string): Promise<{ data: unknown }> {
    const response = await fetch(`${this.#url}${path}`);
    if (!response.ok)
      throw new Error(`Prometheus answers ${response.status}: ${await response.text()}`);
    return (await response.json()) as { data: unknown };
  }

  async #ready(child: ChildProcess): Promise<void> {
    let said = '';
    child.stderr?.on('data', (data) => {
      said += data;
    });
    const ended = once(child, 'exit').then(() => true);
    for (;;) {
      const isReady = await fetch(`${this.#url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) return;
      if (await Promise.race([ended, sleep(50, false)]))
        throw new Error(`prometheus ended: ${said}`);
    }
  }
}

/** The same rules, except that none waits (`for`) longer than a second. */
function hurried(rules: string): string {
  const document = parse(rules) as { groups: { rules: { for?: string }[] }[] };
  for (const rule of document.groups.flatMap((group) => group.rules)) {
    if (rule.for !== undefined) rule.for = '1s';
  }
  return stringify(document);
}
