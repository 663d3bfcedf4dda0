import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, release, totalmem } from 'node:os';
import { describePlaces } from '../world/cores.ts';
import { postgresVersion } from '../world/postgres.ts';
import type { Table } from './table.ts';

const require = createRequire(import.meta.url);

/** The machine and the versions that the results are from. */
export function describeRun(at: Date): { table: Table; notes: string[] } {
  const model = cpus()[0]?.model.trim() || 'unknown';
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  return {
    table: {
      columns: ['', ''],
      rows: [
        ['date', at.toISOString().slice(0, 10)],
        [
          'machine',
          `${cpus().length} cores, ${model}, ${memory}, Linux ${release().split('-')[0]}`,
        ],
        ['Node', process.versions.node],
        ['Redis', version('redis-server', /v=(\S+)/)],
        ['PostgreSQL', postgresVersion()],
        ...['bullmq', 'ioredis', 'undici', 'fastify', 'pg-boss'].map((name) => [
          name,
          packageVersion(name),
        ]),
      ],
    },
    notes: [describePlaces()],
  };
}

function version(program: string, pattern: RegExp): string {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return pattern.exec(stdout ?? '')?.[1] ?? 'none';
}

/** Resolves the package's main file, because not every package exports its package.json. */
function packageVersion(name: string): string {
  const main = require.resolve(name);
  const root = main.slice(
    0,
    main.lastIndexOf(`node_modules/${name}/`) + `node_modules/${name}`.length,
  );
  const { version: found } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
    version: string;
  };
  return found;
}
