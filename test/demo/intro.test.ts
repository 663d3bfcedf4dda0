import { describe, expect, test } from 'vitest';
import { describeDemo, describeReminder } from '../../src/demo/intro.ts';

const intro = {
  replicas: [
    { name: 'A', url: 'http://127.0.0.1:65530', pid: 4_194_304 },
    { name: 'B', url: 'http://127.0.0.1:65531', pid: 4_194_303 },
  ],
  simulator: { graphBaseUrl: 'http://127.0.0.1:65532/v1.0' },
  intervalMs: 10_000,
  deadlineMs: 30_000,
  bots: ['bot-1', 'bot-2'],
  leaseMs: 10_000,
  ownerGraceMs: 5_000,
  keys: [
    { key: 'k', does: 'kills a replica', press: () => undefined },
    { key: 'r', does: 'stops Redis for 15.0 s', press: () => undefined },
    { key: 'b', does: 'kills a bot, or brings it back', press: () => undefined },
  ],
};
const plain = (_style: unknown, text: string) => text;
const texts = [
  ['the intro', describeDemo(intro, plain)],
  ['the reminder', describeReminder(intro, plain)],
] as const;

describe.each(texts)('%s', (_name, text) => {
  test('names the boards and the keys', () => {
    expect(text).toMatch(/Board: http:\/\/127\.0\.0\.1:65530\//);
    expect(text).toContain('http://127.0.0.1:65531/');
    expect(text).toMatch(/^Keys: k kills a replica, r stops Redis .*, q stops all$/m);
  });

  test('fits 100 columns', () => {
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });
});

test('without a terminal there are no keys to press', () => {
  const text = describeDemo({ ...intro, keys: [] }, plain);
  expect(text).toContain('Ctrl-C stops everything.');
  expect(text).not.toContain('Keys:');
});
