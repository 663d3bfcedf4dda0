import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

/** What the check prints about a copy of the repository in which a text of a file is replaced. */
function checkWith(file: string, is: string | RegExp, becomes: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-check-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  for (const path of ['scripts', 'src', 'package.json', '.env.example', 'docker-compose.yml']) {
    cpSync(path, join(directory, path), { recursive: true });
  }
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  const text = readFileSync(file, 'utf8');
  const changed = text.replace(is, becomes);
  if (is !== '') expect(changed).not.toBe(text);
  writeFileSync(join(directory, file), changed);
  const options = { cwd: directory, encoding: 'utf8' } as const;
  const { status, stderr } = spawnSync(process.execPath, ['scripts/check-compose.mjs'], options);
  expect(status).toBe(stderr === '' ? 0 : 1);
  return stderr;
}

describe('the check of docker-compose.yml', () => {
  test('finds no fault as it is', () => {
    expect(checkWith('docker-compose.yml', '', '')).toBe('');
  });

  test.each([
    [
      'docker-compose.yml',
      'env_file: .env',
      'env_file: other.env',
      'docker-compose.yml: environment does not get all of .env\n' +
        'docker-compose.yml: callkeeper does not get all of .env',
    ],
    [
      'docker-compose.yml',
      "PORT: '8080'",
      "GRAPH_CLOUD: 'china'",
      'src/config/table.ts: does not say that docker-compose.yml sets GRAPH_CLOUD',
    ],
    ['docker-compose.yml', "PORT: '8080'", '', 'docker-compose.yml: callkeeper does not set PORT'],
    [
      'docker-compose.yml',
      "PORT: '8080'",
      "PROT: '8080'",
      'docker-compose.yml: callkeeper sets PROT, which is not in src/config/table.ts',
    ],
    [
      'docker-compose.yml',
      'TRUST_PROXY-uniquelocal',
      'TRUST_PROXIES-uniquelocal',
      'docker-compose.yml: TRUST_PROXIES is not in src/config/table.ts',
    ],
    [
      'docker-compose.yml',
      "PORT: '8080'",
      `AZURE_CLIENT_SECRET: \${AZURE_CLIENT_SECRET:?set it in .env}`,
      'docker-compose.yml: demands AZURE_CLIENT_SECRET',
    ],
  ])('finds a fault in %s with %s replaced by %j', (file, is, becomes, fault) => {
    expect(checkWith(file, is, becomes)).toContain(fault);
  });
});
