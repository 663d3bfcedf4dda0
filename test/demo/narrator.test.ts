import { expect, test } from 'vitest';
import { Narrator } from '../../src/demo/narrator.ts';
import type { Told } from '../../src/demo/replica-log.ts';

const STOPS_AT = new Date('2026-02-03T04:05:06').getTime();

function narrate(told: Told): string {
  let text = '';
  const write = (more: string) => {
    text += more;
  };
  new Narrator({ write, deadlineMs: 30_000, lastGapMs: () => null }).replica('A', told);
  return text.trimEnd().replace(/^\d\d:\d\d:\d\d {2}/, '');
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
