import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { Causes } from '../../../src/cli/causes.ts';
import { widthOf } from '../../../src/cli/fit.ts';
import { layOut, type Picture } from '../../../src/cli/watch/layout.ts';
import type { Call, EventItem, Trouble } from '../../../src/client/index.ts';
import { aCall, failing, LONGEST, NOW } from '../calls.ts';

const many = Array.from({ length: 300 }, (_, i) => aCall({ id: `call-${1_000 + i}` }));

function causesOf(calls: readonly Call[]): Causes {
  const causes = new Causes();
  for (const call of calls) causes.add(call);
  return causes;
}

const eventOf = (call: Call, type = 'call.tracked'): EventItem => {
  const event = { id: call.id, type, timestamp: '2026-02-03T04:06:01.000Z', call };
  return { kind: 'event', place: '1-0', event } as EventItem;
};

const ready = {
  url: 'http://127.0.0.1:8080',
  state: 'ready',
  why: '',
  counts: { tracked: 5_032, failing: 297, atRisk: 12, minMarginMs: 1_862_000 },
} as const;
const trouble = (over: Partial<Trouble> = {}): Trouble => ({
  kind: 'graph',
  severity: 'critical',
  sentence:
    'Graph answers 500 InternalServerError to everything since 03:56 UTC (300 of 5,032 calls so far). The first call is lost at 04:50 UTC (in 43 min) unless it recovers.',
  since: null,
  calls: 300,
  firstLossAt: null,
  todo: 'Wait: Graph has an outage.',
  runbook: 'CallkeeperGraphFailing',
  ...over,
});
const lost = trouble({
  kind: 'lost',
  severity: 'notice',
  sentence: '12 calls were lost.',
  todo: null,
});
const well = { all: [], at: NOW };
const outage = { all: [trouble(), lost], at: NOW };
const picture: Picture = {
  troubles: well,
  statuses: [ready],
  causes: causesOf(many.map((call) => failing(call))),
  nearest: many,
  total: 5_032,
  events: many.map((call) => eventOf(call)),
};
const longest: Picture = {
  troubles: {
    all: Array.from({ length: 9 }, (_, i) =>
      trouble({ sentence: `${i} ${'会'.repeat(200)} x`.repeat(3) }),
    ),
    at: NOW,
  },
  statuses: [
    { ...ready, url: `http://${'h'.repeat(200)}:8080` },
    { ...ready, state: 'not ready', why: `Redis is out: ${'why '.repeat(50)}` },
    { ...ready, state: 'not reachable', why: 'x'.repeat(300), counts: null },
  ],
  causes: causesOf([failing(LONGEST)]),
  nearest: [LONGEST, failing(LONGEST)],
  total: 1_000_000,
  events: [eventOf(LONGEST), eventOf(failing(LONGEST), 'call.expired')],
};

const shown = (of: Picture, rows: number, columns: number) =>
  layOut(of, { rows, columns }, NOW).map(stripVTControlCharacters);

test.each([1, 5, 10, 13, 24, 100])('a page fits a terminal of %i rows', (rows) => {
  for (const of of [picture, longest, { ...picture, troubles: outage }]) {
    expect(shown(of, rows, 80).length).toBeLessThanOrEqual(rows);
  }
});

test.each([10, 30, 50, 80, 200])('a page fits a terminal of %i columns', (columns) => {
  for (const of of [picture, longest]) {
    const lines = shown(of, 40, columns);
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(columns);
  }
});

test.each([30, 50, 80])('a page of %i columns never cuts the time that is left', (columns) => {
  const lines = shown({ ...longest, troubles: well }, 40, columns);
  const after = (title: RegExp) => lines.slice(lines.findIndex((line) => title.test(line)) + 2);
  expect(after(/^Nearest/)[0]).toMatch(/^\S+ {2}43m55s( |$)/);
  expect(after(/^Why/)[0]).toMatch(/^1 +43m55s( |$)/);
  expect(lines[0]).toMatch(/^ready {2}nearest 31m02s( |$)/);
  expect(lines[1]).toMatch(/^not ready {2}nearest 31m02s/);
});

test('a page has the nearest calls first and the latest events last', () => {
  const lines = shown(picture, 24, 100);
  expect(lines[0]).toBe(
    'ready  nearest 31m02s  12 at risk  297 failing  5,032 tracked  http://127.0.0.1:8080',
  );
  const nearest = lines.slice(lines.indexOf('Nearest to their deadlines') + 2);
  expect(nearest[0]).toMatch(/^call-1000 +43m55s +0 +1m05s ago +default$/);
  expect(lines.at(-1)).toMatch(/^04:06:01Z {2}call\.tracked {4}call-1299 {2}default/);
});

test('a page groups failing calls by cause', () => {
  const lines = shown(picture, 24, 80);
  const at = lines.indexOf('Why calls fail: 300 of 5,032');
  expect(lines.slice(at + 1, at + 4)).toEqual([
    'CALLS  NEAREST  SINCE      APP       TENANT    ERROR',
    '300    43m55s   04:06:00Z  default   1111111…  500 InternalServerError Try again',
    '',
  ]);
});

test('a page says why a replica is not ready on a line of its own', () => {
  const lines = shown({ ...longest, troubles: well }, 40, 80);
  expect(lines[2]).toMatch(/^ {2}Redis is out: why/);
  expect(lines[3]).toMatch(/^not reachable {2}http:/);
});

test('a page marks its empty parts', () => {
  const empty = {
    statuses: [],
    troubles: well,
    causes: new Causes(),
    nearest: [],
    total: 0,
    events: [],
  };
  const lines = shown(empty, 24, 100);
  expect(lines.filter((line) => line === 'none')).toHaveLength(3);
});

test('a page says what is wrong above the causes, with what to do if there is room', () => {
  const sentences = [
    '',
    'What is wrong',
    'critical  Graph answers 500 InternalServerError to everything since 03:56 UTC',
    '          (300 of 5,032 calls so far). The first call is lost at 04:50 UTC (in',
    '          43 min) unless it recovers.',
  ];
  const rest = ['notice    12 calls were lost.', '', 'Why calls fail: 300 of 5,032'];
  const todo = '          → Wait: Graph has an outage.';
  const small = shown({ ...picture, troubles: outage }, 19, 80);
  expect(small.slice(2, 10)).toEqual([...sentences, ...rest]);
  expect(small.at(-1)).toMatch(/^04:06:01Z {2}call\.tracked/);
  const large = shown({ ...picture, troubles: outage }, 40, 80);
  expect(large.slice(2, 11)).toEqual([...sentences, todo, ...rest]);
});

test('a page without room for all troubles says how many more there are', () => {
  const all = Array.from({ length: 9 }, () => trouble());
  const lines = shown({ ...picture, troubles: { all, at: NOW } }, 24, 80);
  const at = lines.indexOf('Why calls fail: 300 of 5,032');
  expect(lines.slice(at - 2, at)).toEqual(['and 7 more', '']);
  const tiny = shown({ ...picture, troubles: { all, at: NOW } }, 12, 80);
  expect(tiny.slice(2, 5)).toEqual(['', 'What is wrong', expect.stringMatching(/^critical/)]);
  expect(tiny.at(-1)).toBe('and 7 more');
});

test('a page without an answer says when the last answer came', () => {
  const lines = shown({ ...picture, troubles: { ...outage, at: NOW - 20_000 } }, 24, 80);
  expect(lines).toContain('What was wrong at 04:05:45Z: no answer since');
});
