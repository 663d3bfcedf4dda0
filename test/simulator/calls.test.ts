import { describe, expect, test } from 'vitest';
import { Calls } from '../../src/simulator/calls.ts';

function makeCalls() {
  const clock = { now: 0 };
  const calls = new Calls(1000, () => clock.now);
  const renew = (id: string) => {
    const call = calls.find(id);
    if (call?.state === 'established') calls.renew(call);
  };
  return { clock, calls, renew };
}

describe('a simulated call', () => {
  test('that is kept alive goes on, and its worst gap is known', () => {
    const { clock, calls, renew } = makeCalls();
    const { id } = calls.create();
    for (const at of [300, 900, 1899]) {
      clock.now = at;
      renew(id);
    }
    expect(calls.find(id)).toMatchObject({ state: 'established', renewals: 3, worstGapMs: 999 });
  });

  test('that is not kept alive is timed out, at the instant of its deadline', () => {
    const { clock, calls, renew } = makeCalls();
    const { id } = calls.create();
    clock.now = 500;
    renew(id);
    clock.now = 5000;
    renew(id);
    expect(calls.find(id)).toMatchObject({
      state: 'timedOut',
      endedAt: 1500,
      renewals: 1,
      worstGapMs: 1000,
    });
  });

  test('ends by itself at its configured time, if its deadline is not sooner', () => {
    const { clock, calls } = makeCalls();
    const short = calls.create({ endsAfterMs: 400 });
    const long = calls.create({ endsAfterMs: 4000 });
    clock.now = 6000;
    expect(calls.find(short.id)).toMatchObject({ state: 'ended', endedAt: 400 });
    expect(calls.find(long.id)).toMatchObject({ state: 'timedOut', endedAt: 1000 });
  });

  test('ends once', () => {
    const { clock, calls } = makeCalls();
    const { id } = calls.create();
    expect(calls.end(id)).toBe(true);
    clock.now = 100;
    expect(calls.end(id)).toBe(false);
    expect(calls.find(id)?.endedAt).toBe(0);
    expect(calls.end('unknown')).toBe(false);
  });

  test('is found without regard to case', () => {
    const { calls } = makeCalls();
    const { id } = calls.create({ id: 'ABCDEF01-0000-4000-8000-00000000000a' });
    expect(calls.find(id.toLowerCase())?.id).toBe(id);
  });
});
