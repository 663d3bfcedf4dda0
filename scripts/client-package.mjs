// Makes the package of the Node client: dist/client and a package.json.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../', import.meta.url);
/** `AbortSignal.any` came with this version. */
const OLDEST_NODE = '20.3';

/** Replaces the content of the folder. Needs dist/client. */
export function writeClientPackage(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(new URL('dist/client', ROOT), folder, { recursive: true });
  cpSync(new URL('LICENSE', ROOT), `${folder}/LICENSE`);
  writeFileSync(`${folder}/README.md`, withoutLinks(read('docs/client.md')));
  writeFileSync(`${folder}/package.json`, `${JSON.stringify(manifest(), null, 2)}\n`);
}

/** The faults of the package: it may depend on nothing but Node. */
export function clientFaults(folder) {
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(
    readFileSync(`${folder}/package.json`, 'utf8'),
  );
  const named = Object.keys({ ...dependencies, ...peerDependencies });
  return [
    ...named.map((name) => `the client depends on ${name}`),
    ...readdirSync(folder)
      .filter((file) => /\.(js|d\.ts)$/.test(file))
      .flatMap((file) => importFaults(file, readFileSync(`${folder}/${file}`, 'utf8'))),
  ];
}

function importFaults(file, text) {
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g)]
    .map(([, name]) => name)
    .filter((name) => !/^(\.\/[^/]+\.js|node:.+)$/.test(name))
    .map((name) => `${file} of the client imports ${name}`);
}

function manifest() {
  const { version, keywords, license, author } = JSON.parse(read('package.json'));
  return {
    name: 'callkeeper-client',
    version,
    description: 'Client of Callkeeper, which keeps Microsoft Teams calls of bots alive',
    keywords: keywords.filter((word) => !['bullmq', 'redis'].includes(word)),
    license,
    author,
    private: true,
    type: 'module',
    exports: {
      '.': { types: './index.d.ts', default: './index.js' },
      './package.json': './package.json',
    },
    files: ['*.js', '*.d.ts'],
    engines: { node: `>=${OLDEST_NODE}` },
    sideEffects: false,
  };
}

/** The package does not contain the pages that links lead to. */
function withoutLinks(page) {
  return page.replaceAll(/\[([^\]]+)\]\((?!#|https?:)[^)]+\)/g, '$1');
}

function read(file) {
  return readFileSync(fileURLToPath(new URL(file, ROOT)), 'utf8');
}
