import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const REPO = new URL('../../', import.meta.url).pathname;
const NEEDED = ['src', 'config', 'package.json', 'test/faults/affliction.ts'];
const CODEC = 'src/store/record-codec.ts';

/** The changes of a version with another form of records: it writes the new form and reads both. */
const CHANGES: readonly (readonly [from: string, to: string])[] = [
  ["const VERSION = '1';", "const VERSION = '2';"],
  ["new Set(['1'])", "new Set(['1', '2'])"],
];

/**
 * For a test file: the directory of these sources as of a version whose records this one cannot
 * read.
 */
export function nextVersion(): string {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-next-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  for (const path of NEEDED) {
    cpSync(join(REPO, path), join(directory, path), { recursive: true });
  }
  symlinkSync(join(REPO, 'node_modules'), join(directory, 'node_modules'));
  const codec = join(directory, CODEC);
  let text = readFileSync(codec, 'utf8');
  for (const [from, to] of CHANGES) {
    if (!text.includes(from)) throw new Error(`${CODEC} has no ${from}`);
    text = text.replace(from, to);
  }
  writeFileSync(codec, text);
  return directory;
}
