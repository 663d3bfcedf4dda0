import { describe, expect, test } from 'vitest';
import { Faults, type GraphFault } from '../../src/simulator/faults.ts';

const makeFaults = (seed = 1) => new Faults<GraphFault>(seed);

const of = (callId: string | null, tenantId: string | null = null) => ({ callId, tenantId });

describe('a fault', () => {
  test('meets every request until it is cleared', () => {
    const faults = makeFaults();
    expect(faults.next(of('a'))).toBeNull();
    faults.set({ kind: 'hang' });
    expect([faults.next(of('a')), faults.next(of('b'))]).toMatchObject([
      { kind: 'hang' },
      { kind: 'hang' },
    ]);
    faults.clear();
    expect(faults.next(of('a'))).toBeNull();
  });

  test('with a count meets that many requests', () => {
    const faults = makeFaults();
    faults.set({ kind: 'reset', count: 2 });
    expect([1, 2, 3].map(() => faults.next(of('a'))?.kind)).toEqual(['reset', 'reset', undefined]);
  });

  test('for some calls meets those only', () => {
    const faults = makeFaults();
    faults.set({ kind: 'html404', callIds: ['a'] });
    expect([faults.next(of('a'))?.kind, faults.next(of('b')), faults.next(of(null))]).toEqual([
      'html404',
      null,
      null,
    ]);
  });

  test('for some tenants meets only their requests', () => {
    const faults = makeFaults();
    faults.set({ kind: 'hang', tenantIds: ['t'] });
    const met = [of('a', 't'), of('a', 'u'), of('a')].map((one) => faults.next(one)?.kind);
    expect(met).toEqual(['hang', undefined, undefined]);
  });

  test('with a share meets about that share, the same requests for the same seed', () => {
    const draw = (seed: number) => {
      const faults = makeFaults(seed);
      faults.set({ kind: 'malformed', share: 0.25 });
      return Array.from({ length: 4000 }, () => faults.next(of('a')) !== null);
    };
    const met = draw(7).filter(Boolean).length;
    expect(met).toBeGreaterThan(850);
    expect(met).toBeLessThan(1150);
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });
});
