import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Entry {
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly integrity?: string;
}

interface Component {
  readonly purl: string;
  readonly hashes?: { alg: string; content: string }[];
  readonly licenses?: { license?: { id?: string }; expression?: string }[];
}

const sbom = (...args: string[]) =>
  JSON.parse(execFileSync('npm', ['run', '--silent', 'sbom', '--', ...args], { encoding: 'utf8' }));

test('the SBOM has each package of production, once, with licence and hash, and no other', () => {
  const { bomFormat, metadata, components, dependencies } = sbom();
  expect(bomFormat).toBe('CycloneDX');
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(metadata.component).toMatchObject({
    type: 'application',
    purl: `pkg:npm/callkeeper@${version}`,
  });

  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const expected = new Map<string, string | undefined>();
  for (const [path, entry] of Object.entries<Entry>(packages)) {
    const [name = ''] = path.split('node_modules/').slice(-1);
    const purl = `pkg:npm/${name.replace('@', '%40')}@${entry.version}`;
    if (path !== '' && !entry.dev) expected.set(purl, entry.license);
  }
  const told = (components as Component[]).map(({ purl, licenses }) => [
    purl,
    licenses?.[0]?.license?.id ?? licenses?.[0]?.expression,
  ]);
  expect(new Map(told as [string, string][])).toEqual(expected);
  expect(told).toHaveLength(expected.size);
  for (const { hashes } of components) expect(hashes).toMatchObject([{ alg: 'SHA-512' }]);
  expect(dependencies).toHaveLength(components.length + 1);
});

test('the SBOM comes in SPDX as well', () => {
  const { spdxVersion, packages } = sbom('--sbom-format=spdx');
  expect(spdxVersion).toMatch(/^SPDX-2/);
  expect(packages.length).toBeGreaterThan(100);
});
