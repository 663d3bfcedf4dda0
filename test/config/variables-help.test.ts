import { describe, expect, test } from 'vitest';
import { VARIABLES } from '../../src/config/table.ts';
import { describeVariables, plainText, wrap } from '../../src/config/variables-help.ts';

describe('the description of the variables for a terminal', () => {
  const lines = describeVariables().split('\n');

  test('names each variable of a replica, and no other', () => {
    const named = lines.flatMap((line) => /^ {2}([A-Z_]+)/.exec(line)?.[1] ?? []);
    const read = [...VARIABLES].filter(([, { readBy }]) => readBy === undefined);
    expect(named.toSorted()).toEqual(read.map(([name]) => name).toSorted());
    expect(named).toContain('KEEPALIVE_INTERVAL');
    expect(named).not.toContain('CALLKEEPER_URL');
  });

  test('says the defaults, and which variables may be files', () => {
    expect(lines).toContain('  KEEPALIVE_INTERVAL (default 15m)');
    expect(lines).toContain('  AZURE_TENANT_ID (required without APPS_FILE)');
    expect(lines).toContain('  API_KEYS, API_KEYS_FILE');
  });

  test('wraps sentences at 80 columns, except a word that is longer', () => {
    const wrapped = lines.filter((line) => line.startsWith('      ') && line.trim().includes(' '));
    expect(wrapped.length).toBeGreaterThan(50);
    expect(wrapped.filter((line) => line.length > 80)).toEqual([]);
  });
});

test.each([
  ['see [owners.md](owners.md).', 'see docs/owners.md.'],
  ['see [redis.md](redis.md#passwords-that-change).', 'see docs/redis.md.'],
  ['[config/a.yaml](../config/a.yaml)', 'config/a.yaml'],
  ['`true`: as `openssl rand -hex 24` prints', 'true: as `openssl rand -hex 24` prints'],
])('plain text of %j', (markdown, text) => {
  expect(plainText(markdown)).toBe(text);
});

test('a long word gets its own line', () => {
  expect(wrap('a bb cccccccc d', 4)).toEqual(['a bb', 'cccccccc', 'd']);
});
