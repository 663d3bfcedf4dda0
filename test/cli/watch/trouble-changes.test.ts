import { describe, expect, test } from 'vitest';
import { TroubleChanges } from '../../../src/cli/watch/trouble-changes.ts';
import type { Trouble } from '../../../src/client/index.ts';

const trouble = (over: Partial<Trouble> = {}): Trouble => ({
  kind: 'graph',
  severity: 'warning',
  sentence: 'Graph answers 500.',
  since: null,
  calls: 1,
  firstLossAt: null,
  todo: null,
  runbook: 'CallkeeperGraphFailing',
  ...over,
});
const lost = trouble({ kind: 'lost', runbook: 'CallkeeperCallExpired', sentence: 'Lost.' });

/** `kind severity sentence` of each change at each reading. */
function changesOf(...readings: (readonly [at: number, ...troubles: Trouble[]])[]): string[][] {
  const changes = new TroubleChanges();
  return readings.map(([at, ...troubles]) =>
    changes
      .read(troubles, at)
      .map((one) => `${one.kind} ${one.trouble.severity} ${one.trouble.sentence}`),
  );
}

describe('the changes of the troubles', () => {
  test('include a beginning and another severity, but no other numbers', () => {
    const more = { calls: 5, sentence: 'Graph answers 500 to 5.' };
    const told = changesOf(
      [0, trouble()],
      [2_000, trouble(more)],
      [4_000, trouble({ ...more, severity: 'critical' }), lost],
      [6_000, lost, trouble({ ...more, severity: 'critical' })],
    );
    expect(told).toEqual([
      ['began warning Graph answers 500.'],
      [],
      ['changed critical Graph answers 500 to 5.', 'began warning Lost.'],
      [],
    ]);
  });

  test('include an end, after half a minute without the trouble', () => {
    const told = changesOf(
      [0, trouble(), lost],
      [29_000, lost],
      [30_000, trouble({ sentence: 'Again.' }), lost],
      [59_000, lost],
      [60_000, lost],
      [62_000, trouble(), lost],
    );
    expect(told.slice(1)).toEqual([
      [],
      [],
      [],
      ['over warning Again.'],
      ['began warning Graph answers 500.'],
    ]);
  });

  test('include each of several troubles of one kind', () => {
    const other = trouble({ sentence: 'Graph answers 503.' });
    const refused = trouble({ sentence: 'Graph answers 403.', runbook: 'CallkeeperGraphRefusing' });
    const told = changesOf([0, trouble(), other], [1, trouble(), other, refused], [40_000]);
    expect(told.map(({ length }) => length)).toEqual([2, 1, 3]);
  });
});
