import { describe, expect, test } from 'vitest';
import { PromisedCalls } from '../../src/demo/promised-calls.ts';

function aBook() {
  const graph = { now: 1_000, gapMs: 10 };
  const promised = new PromisedCalls({ now: () => graph.now, gapMs: () => graph.gapMs });
  return { graph, promised };
}

describe('promised calls', () => {
  test('include a call from its first promise on', () => {
    const { promised } = aBook();
    promised.release('call');
    expect([...promised.all]).toEqual([]);
    promised.give('call');
    expect(promised.all.get('call')).toEqual({
      releasedAt: null,
      releasedGapMs: null,
      againAt: null,
    });
  });

  test('keep the longest gap until the first release', () => {
    const { graph, promised } = aBook();
    promised.give('call');
    promised.release('call');
    Object.assign(graph, { now: 2_000, gapMs: 25 });
    promised.release('call');
    expect(promised.all.get('call')).toEqual({
      releasedAt: 2_000,
      releasedGapMs: 10,
      againAt: null,
    });
  });

  test('know when a released call was tracked again', () => {
    const { graph, promised } = aBook();
    promised.give('call');
    promised.release('call');
    graph.now = 2_000;
    promised.give('call');
    graph.now = 3_000;
    promised.give('call');
    expect(promised.all.get('call')).toMatchObject({ releasedAt: 1_000, againAt: 2_000 });
  });
});
