import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const module = new URL('../../scripts/client-package.mjs', import.meta.url).href;
const { clientFaults } = (await import(module)) as {
  clientFaults: (folder: string) => string[];
};

function aPackage(manifest: object, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'callkeeper-client-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

test('a client that needs only Node and its own files has no fault', () => {
  const text = `import { a } from './a.js';\nimport { b } from "node:os";\nexport * from './c.js';`;
  expect(clientFaults(aPackage({}, { 'index.js': text, 'README.md': `from 'undici'` }))).toEqual(
    [],
  );
});

test.each([
  [`import { fetch } from 'undici';`, 'index.js of the client imports undici'],
  [`export * from "../calls/call.js";`, 'index.js of the client imports ../calls/call.js'],
  [`import 'ioredis';`, 'index.js of the client imports ioredis'],
  [`const x = await import('bullmq');`, 'index.js of the client imports bullmq'],
])('a client with %s depends on something', (text, fault) => {
  expect(clientFaults(aPackage({}, { 'index.js': text }))).toEqual([fault]);
});

test('a type from elsewhere and a named dependency are faults too', () => {
  const manifest = { dependencies: { undici: '1' }, peerDependencies: { typebox: '1' } };
  const types = `import type { T } from 'typebox';`;
  expect(clientFaults(aPackage(manifest, { 'a.d.ts': types }))).toEqual([
    'the client depends on undici',
    'the client depends on typebox',
    'a.d.ts of the client imports typebox',
  ]);
});
