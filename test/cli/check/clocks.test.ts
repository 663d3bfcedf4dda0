import { expect, test } from 'vitest';
import { aheadMs, clockFindings } from '../../../src/cli/check/clocks.ts';

const reading = (sentAt: number, answeredAt: number, resolutionMs = 1_000) => {
  return { at: 100_000, resolutionMs, sentAt, answeredAt };
};

test.each([
  ['read while it was asked', reading(99_990, 100_010), 0],
  ['within what it was rounded by', reading(100_900, 100_950), 0],
  ['behind before it was asked', reading(103_000, 103_100), 2_000],
  ['ahead after it had answered', reading(90_000, 95_000), -5_000],
  ['with an answer so slow that it says nothing', reading(60_000, 130_000), 0],
])('a clock %s: ours is ahead by what is certain', (_, given, ahead) => {
  expect(aheadMs(given)).toBe(ahead);
});

test.each([
  [101_000, 'ok', "this machine's clock is Graph's"],
  [103_000, 'warning', "this machine's clock is 2s ahead of Graph's"],
  [161_000, 'failed', "this machine's clock is 1m00s ahead of Graph's: trouble"],
  [40_000, 'failed', "this machine's clock is 1m00s behind Graph's: trouble"],
])('our clock at %i is %s', (at, status, detail) => {
  const bounds = { warnMs: 1_000, failMs: 30_000, consequence: 'trouble' };
  expect(clockFindings('graph.clock', "Graph's", reading(at, at), bounds)).toMatchObject({
    status,
    detail,
  });
});
