import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { layOut } from '../../../src/cli/watch/page.ts';
import type { Call } from '../../../src/client/index.ts';

const aCall = (id: string) =>
  ({
    id,
    state: 'tracked',
    app: 'default',
    labels: {},
    renewedAt: '2026-02-03T04:05:00.000Z',
    deadlineAt: '2026-02-03T04:50:00.000Z',
    consecutiveFailures: 0,
    atRiskAt: null,
    lastError: null,
  }) as unknown as Call;
const NOW = Date.parse('2026-02-03T04:06:05.000Z');
const many = Array.from({ length: 300 }, (_, i) => aCall(`call-${1_000 + i}`));
const picture = {
  standings: ['http://127.0.0.1:8080  ready'],
  nearest: many,
  failing: many,
  events: many.map(({ id }) => `event of ${id}`),
};

test.each([1, 5, 10, 24, 100])('a page fits a terminal of %i rows', (rows) => {
  expect(layOut(picture, { rows, columns: 80 }, NOW).length).toBeLessThanOrEqual(rows);
});

test.each([10, 50, 80, 200])('a page fits a terminal of %i columns', (columns) => {
  const lines = layOut(picture, { rows: 24, columns }, NOW).map(stripVTControlCharacters);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns);
  if (columns >= 50) expect(lines.join('\n')).toMatch(/^call-1000 +43m55s /m);
});

test('a page has the nearest calls first and the latest events last', () => {
  const lines = layOut(picture, { rows: 24, columns: 100 }, NOW).map(stripVTControlCharacters);
  expect(lines[0]).toBe('http://127.0.0.1:8080  ready');
  const nearest = lines.slice(lines.indexOf('Nearest to their deadlines') + 2);
  expect(nearest[0]).toMatch(/^call-1000 +43m55s +0 +1m05s ago +default$/);
  expect(lines.at(-1)).toBe('event of call-1299');
});

test('a page says where there is nothing', () => {
  const empty = { standings: [], nearest: [], failing: [], events: [] };
  const lines = layOut(empty, { rows: 24, columns: 100 }, NOW).map(stripVTControlCharacters);
  expect(lines.filter((line) => line === 'none')).toHaveLength(3);
});
