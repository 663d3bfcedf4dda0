import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { METRICS } from '../../src/metrics/table.ts';
import { someMetrics } from './fixture.ts';

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
/** By name: the cells after it. */
const rows = new Map(
  [...page.matchAll(/^\| `(callkeeper_\w+)` \| (.+) \|$/gm)].map(([, name = '', cells = '']) => [
    name,
    cells.split(' | '),
  ]),
);

describe('the page of the metrics', () => {
  test('has a row for each metric that a replica serves, with its type and text', async () => {
    const text = await someMetrics().metrics.render();
    const served = [...text.matchAll(/^# HELP (callkeeper_\w+) (.+)\n# TYPE \w+ (\w+)$/gm)];
    expect([...rows.keys()].sort()).toEqual(served.map(([, name]) => name).sort());
    for (const [, name = '', help, type] of served) {
      expect([rows.get(name)?.[0], rows.get(name)?.[3]], name).toEqual([type, help]);
    }
  });

  test('names every label that a replica serves', async () => {
    const { read } = someMetrics();
    for (const series of (await read()).keys()) {
      const [, name = '', labels = ''] = /^(callkeeper_\w+){(.+)}$/.exec(series) ?? [];
      if (/_bucket$/.test(name)) continue;
      for (const [, label] of labels.matchAll(/(\w+)="/g)) {
        expect(rows.get(name)?.[1], series).toContain(`\`${label}\``);
      }
    }
  });

  test('says of each metric when to look closer', () => {
    for (const { watch } of Object.values(METRICS)) expect(watch).toMatch(/./);
    expect([...rows.values()].filter((cells) => cells.length !== 5)).toEqual([]);
  });
});
