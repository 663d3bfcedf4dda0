import { describe, expect, test } from 'vitest';
import { Narrator } from '../../src/demo/narrator.ts';
import type { Told } from '../../src/demo/replica-log.ts';
import type { Truth } from '../../src/demo/verdict.ts';

const STOPS_AT = new Date('2026-02-03T04:05:06').getTime();

const TRUTH: Truth = {
  tracked: 0,
  alive: 0,
  renewals: 0,
  smallestMarginMs: null,
  released: 0,
  lost: [],
};

/** What a narrator writes, without the times of day. */
function aNarrator() {
  let text = '';
  const write = (more: string) => {
    text += more;
  };
  const paint = (style: unknown, painted: string) => `<${style}>${painted}</>`;
  const narrator = new Narrator({ write, paint, deadlineMs: 30_000, lastGapMs: () => null });
  const lines = () => text.trimEnd().split('\n');
  return {
    narrator,
    painted: lines,
    lines: () => lines().map((line) => line.replace(/^<\w+>|<\/>$/g, '').slice(10)),
  };
}

function narrate(told: Told): string {
  const { narrator, lines } = aNarrator();
  narrator.replica('A', told);
  return lines().join('\n');
}

test.each<[Told, string]>([
  [
    { kind: 'owner-lapsed', owner: 'bot-1', calls: 6, stopsAt: STOPS_AT },
    'lapsed     bot-1     replica A  its lease ran out: its 6 calls are stopped at 04:05:06 unless it renews the lease',
  ],
  [
    { kind: 'owner-renewed', owner: 'bot-1', calls: 6, stopsAt: null },
    'renewed    bot-1     replica A  its lease runs again: its 6 calls go on',
  ],
  [
    { kind: 'owner-lost', owner: 'bot-1', calls: 6, stopsAt: null },
    'lost       bot-1     replica A  it did not renew its lease: its 6 calls were stopped',
  ],
  [
    { kind: 'untracked', callId: '2e1a0b00-2db4', detail: 'owner-lost' },
    'stopped    2e1a0b00  replica A  its bot did not renew its lease',
  ],
  [
    { kind: 'untracked', callId: '2e1a0b00-2db4', detail: 'request' },
    'stopped    2e1a0b00  replica A  the bot said so',
  ],
])('the narrator says of %j what happened and to whom', (told, text) => {
  expect(narrate(told)).toBe(text);
});

describe('in an outage', () => {
  const timeout = (port: number): Told => ({
    kind: 'said',
    text: `Command timed out: 127.0.0.1:${port}`,
  });

  test('what a replica logs again is counted, and summarised with the totals', () => {
    const { narrator, lines } = aNarrator();
    for (let i = 0; i < 64; i++) narrator.replica('A', timeout(50_000 + i));
    narrator.replica('B', timeout(1));
    expect(lines()).toHaveLength(2);
    narrator.totals(TRUTH);
    expect(lines().slice(2)).toEqual([
      '           63 more   replica A  Command timed out: 127.0.0.1:50000',
      expect.stringMatching(/^---- /),
    ]);
  });

  test('what goes on stays one line per total, and is shown again after a pause', () => {
    const { narrator, lines } = aNarrator();
    for (const times of [1, 30, 0, 1]) {
      for (let i = 0; i < times; i++) narrator.replica('A', timeout(i));
      narrator.totals(TRUTH);
    }
    const said = lines().filter((line) => !line.startsWith('----'));
    expect(said.map((line) => line.trim().split('  ')[0])).toEqual([
      'replica A',
      '30 more',
      'replica A',
    ]);
  });

  test('failures of many calls are one line, with how many more there are', () => {
    const { narrator, lines } = aNarrator();
    for (let i = 0; i < 12; i++) {
      narrator.replica('A', { kind: 'failed', callId: `call-000${i}`, detail: '503 Busy.' });
    }
    narrator.totals(TRUTH);
    expect(lines().slice(0, 2)).toEqual([
      'failed     call-000  replica A  503 Busy.',
      'failed     11 more   replica A  503 Busy.',
    ]);
  });

  test('no more than a few lines that all differ are shown', () => {
    const { narrator, lines } = aNarrator();
    for (let i = 0; i < 40; i++) {
      narrator.replica('A', { kind: 'said', text: `reason ${'x'.repeat(i)}` });
    }
    narrator.totals(TRUTH);
    expect(lines()).toHaveLength(6);
    expect(lines()[4]).toBe('           36 more   replica A  other lines');
  });
});

test('a line has the colour of its event, and its text cannot add colours', () => {
  const { narrator, painted } = aNarrator();
  narrator.replica('A', { kind: 'expired', callId: 'call-0001', detail: '\x1b[32mfine' });
  narrator.replica('A', { kind: 'renewed', callId: 'call-0001', detail: null });
  expect(painted()[0]).toMatch(/^<red>.*EXPIRED .*\\u\{1b\}\[32mfine<\/>$/);
  expect(painted()[1]).toMatch(/^<green>.*renewed /);
});
