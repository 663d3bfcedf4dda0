import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { Replica } from '../process/replica.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';

export const KEY = 'a-key-of-more-than-24-characters';
export const READ_KEY = 'a-key-that-may-only-look-at-calls';

/** A replica with keys, and what the command line needs to use it. */
export class Service {
  readonly world = new World({ deadlineMs: 60_000 });
  readonly #redis = redisForFile();
  readonly #over: Readonly<Record<string, string>>;
  #replica: Replica | null = null;

  /** @param over variables that differ from the default environment */
  constructor(over: Readonly<Record<string, string>> = {}) {
    this.#over = over;
    beforeAll(() => this.#start(), 60_000);
    afterAll(() => this.world.stop());
  }

  get replica(): Replica {
    if (this.#replica === null) throw new Error('the replica has not been started');
    return this.#replica;
  }

  /** For a command with the admin key. */
  get env(): Record<string, string> {
    return { CALLKEEPER_URL: this.replica.url, CALLKEEPER_API_KEY: KEY };
  }

  async #start(): Promise<void> {
    await this.world.start();
    const access = join(this.world.directory, 'access.yaml');
    const hash = createHash('sha256').update(READ_KEY).digest('hex');
    writeFileSync(
      access,
      `clients:\n  - name: reader\n    scopes: [read]\n    keys:\n      - hash: sha256:${hash}\n`,
    );
    this.#replica = this.world.replica({
      REDIS_URL: this.#redis.url,
      API_KEYS: KEY,
      ACCESS_FILE: access,
      KEEPALIVE_INTERVAL: '20s',
      KEEPALIVE_DEADLINE: '60s',
      ...this.#over,
    });
    await this.#replica.ready();
  }
}
