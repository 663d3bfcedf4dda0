import { readFileSync } from 'node:fs';

interface Package {
  readonly version: string;
  readonly engines: { readonly node: string };
}

export function readVersion(): string {
  return readPackage().version;
}

/** The oldest Node that this package runs on, as `24.12`. */
export function readOldestNode(): string {
  return readPackage().engines.node.replace('>=', '');
}

function readPackage(): Package {
  return JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as Package;
}
