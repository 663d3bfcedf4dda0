import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The files of somebody who deploys by compose, except .env. */
const FILES = [
  '.dockerignore',
  '.env.example',
  '.npmrc',
  'Dockerfile',
  'LICENSE',
  'compose.demo.yml',
  'config',
  'docker-compose.yml',
  'docs/runbook.md',
  'package-lock.json',
  'package.json',
  'scripts/roll.sh',
  'src',
];

export interface Ran {
  readonly code: number;
  /** stdout and stderr. */
  readonly output: string;
}

/**
 * A copy of the compose project under another name, so that it meets no other containers or
 * volumes.
 */
export class Project {
  readonly #directory = mkdtempSync(join(tmpdir(), 'callkeeper-image-'));
  readonly #name = `callkeeper-test-${randomBytes(4).toString('hex')}`;
  readonly #file: string;

  constructor(file: string, env: Readonly<Record<string, string>> = {}) {
    this.#file = file;
    for (const path of FILES) {
      cpSync(join(ROOT, path), join(this.#directory, path), { recursive: true });
    }
    this.write(env);
  }

  write(env: Readonly<Record<string, string>>): void {
    const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(join(this.#directory, '.env'), lines.join(''));
  }

  compose(...args: string[]): Promise<Ran> {
    return this.run('docker', 'compose', ...args);
  }

  run(program: string, ...args: string[]): Promise<Ran> {
    const env = {
      ...process.env,
      COMPOSE_PROJECT_NAME: this.#name,
      COMPOSE_FILE: this.#file,
      BUILDKIT_PROGRESS: 'plain',
    };
    const options = { cwd: this.#directory, env, maxBuffer: 64 * 1024 * 1024 };
    return new Promise((resolve) => {
      execFile(program, args, options, (error, stdout, stderr) => {
        resolve({ code: Number(error?.code ?? 0), output: stdout + stderr });
      });
    });
  }

  async remove(): Promise<void> {
    await this.compose('down', '--volumes', '--remove-orphans', '--rmi', 'local');
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
