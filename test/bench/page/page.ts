import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describePlaces } from '../world/cores.ts';

const FILE = fileURLToPath(new URL('../../../docs/performance.md', import.meta.url));
const PACKAGES = ['undici', 'ioredis', 'bullmq', 'fastify', 'pg-boss'];

/** What a part of the bench has found: Markdown, and files beside the page. */
export interface Findings {
  readonly markdown: string;
  /** Name in docs/ to content. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Puts figures between their markers in docs/performance.md; the prose around stays. */
export function writeFindings(name: string, { markdown, files = {} }: Findings): void {
  const page = readFileSync(FILE, 'utf8');
  const [start, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no place for ${name}`);
  const around = [page.slice(0, from + start.length), page.slice(to)];
  writeFileSync(FILE, around.join(`\n\n${markdown.trim()}\n\n`));
  for (const [file, content] of Object.entries(files)) {
    writeFileSync(new URL(`../../../docs/${file}`, import.meta.url), content);
  }
}

/** The machine and the versions, for the page. */
export function describeMachine(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const packages = PACKAGES.map((name) => `${name} ${versionOf(name)}`).join(', ');
  return [
    `${cpus().length} cores (${cpu?.model.trim()}), ${memory}, ${type()} ${release()}; `,
    `Node ${process.versions.node}, ${program('redis-server', 'Redis', /v=([\d.]+)/)}, `,
    `${program('postgres', 'PostgreSQL', /([\d.]+)/)}; ${packages}. ${describePlaces()} `,
    'All of it is on one machine, over loopback, in plain HTTP.',
  ].join('');
}

/** For the end of a part: when, and how much was done. */
export function dateline(mode: string, rounds: string): string {
  const day = new Date().toISOString().slice(0, 10);
  return `<sub>${day}, \`npm run bench${mode === 'full' ? ' -- --full' : ''}\`; ${rounds}</sub>`;
}

function versionOf(name: string): string {
  const file = new URL(`../../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function program(command: string, title: string, pattern: RegExp): string {
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return `${title} ${pattern.exec(stdout ?? '')?.[1] ?? '(not on the PATH)'}`;
}
