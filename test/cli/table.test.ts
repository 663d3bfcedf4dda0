import { describe, expect, test } from 'vitest';
import { REMOVED, TRACKED } from '../../src/cli/call-lines.ts';
import { CAUSES, Causes } from '../../src/cli/causes.ts';
import { widthOf } from '../../src/cli/fit.ts';
import type { Form } from '../../src/cli/output.ts';
import { OWNERS } from '../../src/cli/owner-lines.ts';
import { lineWidth, Table } from '../../src/cli/table.ts';
import type { Owner } from '../../src/client/index.ts';
import { aCall, failing, LONGEST, NOW } from './calls.ts';

const short = aCall({ id: 'call-0001', labels: { room: 'board' } });

function linesOf<T>({ columns }: Form<T>, width: number, ...items: T[]): string[] {
  const table = new Table(columns, width, items, NOW);
  return [table.heading, ...items.map((item) => table.row(item, NOW))];
}

function causeOf(...calls: Parameters<Causes['add']>[0][]) {
  const causes = new Causes();
  for (const call of calls) causes.add(call);
  return causes.all;
}

describe('a list of calls', () => {
  test.each([20, 40, 80, 120, 250])('fits a terminal of %i columns', (width) => {
    const late = { ...LONGEST, deadlineAt: '2026-02-03T00:00:00.000Z' };
    const removed = { ...LONGEST, state: 'expired', goneAt: '2026-02-01T00:00:00.000Z' } as const;
    const lines = [
      ...linesOf(TRACKED, width, short, LONGEST, failing(LONGEST), late),
      ...linesOf(REMOVED, width, removed),
      ...linesOf(CAUSES, width, ...causeOf(failing(LONGEST))),
    ];
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
  });

  test('never cuts the time that is left', () => {
    for (const width of [24, 40, 80]) {
      const [, line = ''] = linesOf(TRACKED, width, failing(LONGEST));
      expect(line).toMatch(/^i+…i+ {2}43m55s( |$)/);
    }
    const [, late] = linesOf(TRACKED, 80, { ...LONGEST, deadlineAt: '2026-02-03T03:01:00.000Z' });
    expect(late).toMatch(/ -1h05m /);
  });

  test('of 80 columns has the id of a GUID whole, and the error', () => {
    expect(linesOf(TRACKED, 80, aCall(), failing(aCall()))).toEqual([
      'ID                                    LEFT     FAILS  APP       ERROR AND LABELS',
      '2e1a0b00-2db4-4022-9570-243709c565ab  43m55s   0      default',
      '2e1a0b00-2db4-4022-9570-243709c565ab  43m55s   2      default   500 InternalSer…',
    ]);
  });

  test('names the status of an error once', () => {
    const bare = failing(aCall(), { code: null, message: '500 without a body' });
    expect(linesOf(TRACKED, 100, bare)[1]).toMatch(/ {2}500 without a body$/);
    const other = failing(aCall(), { code: null, message: '5000 of 9000' });
    expect(linesOf(TRACKED, 100, other)[1]).toMatch(/ {2}500 5000 of 9000$/);
  });

  test('uses a wide terminal for long ids', () => {
    const [, line = ''] = linesOf(TRACKED, 200, LONGEST);
    expect(line).toContain(`${'i'.repeat(128)}  43m55s`);
  });

  test('in a pipe cuts nothing', () => {
    const [, line = ''] = linesOf(TRACKED, Number.POSITIVE_INFINITY, failing(LONGEST));
    for (const whole of [LONGEST.id, LONGEST.app, ...Object.values(LONGEST.labels)]) {
      expect(line).toContain(whole);
    }
  });

  test('does not let control characters count or through', () => {
    const evil = { ...LONGEST, id: '\x1b[2J'.repeat(30), app: '\u202e'.repeat(30) };
    const [, line = ''] = linesOf(TRACKED, 80, evil);
    expect(line).toMatch(/^[\x20-\x7e…]+$/);
    expect(widthOf(line)).toBeLessThanOrEqual(80);
  });
});

describe('a list of owners', () => {
  test('fits 80 columns and never cuts how long the lease runs', () => {
    const owner: Owner = {
      owner: 'o'.repeat(128),
      app: 'a'.repeat(64),
      state: 'lapsed',
      tracked: 100_000,
      leaseSeconds: 90,
      renewedAt: '2026-02-03T04:00:00.000Z',
      leaseUntil: '2026-02-03T04:05:30.000Z',
      stopsAt: '2026-02-03T04:15:30.000Z',
    };
    const lines = linesOf(OWNERS, 80, owner, { ...owner, state: 'active' });
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(80);
    expect(lines[1]).toMatch(/^o+…o+ {2}lapsed {2}100000 {2}0s {10}9m25s /);
  });
});

test.each([
  [{ isTTY: true, columns: 100 }, 100],
  [{ isTTY: true, columns: 0 }, 80],
  [{ isTTY: false, columns: 100 }, Number.POSITIVE_INFINITY],
])('of %j a line may take %d columns', (out, width) => {
  expect(lineWidth(out as NodeJS.WriteStream)).toBe(width);
});
