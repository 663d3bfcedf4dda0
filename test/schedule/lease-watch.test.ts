import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { LeaseWatch, type LeaseWatchOptions } from '../../src/schedule/lease-watch.ts';
import { realClock, SOON, silent } from '../store/fixture.ts';

function aWatch(over: Partial<LeaseWatchOptions> = {}) {
  const did = { syncs: 0, passes: 0, refreshes: 0 };
  const fatal: Error[] = [];
  const watch = new LeaseWatch({
    expirer: {
      pass: async () => {
        did.passes++;
      },
    },
    sync: async () => {
      did.syncs++;
    },
    isUp: () => true,
    isAhead: () => false,
    refresh: async () => {
      did.refreshes++;
    },
    hold: async () => true,
    lookMs: 5,
    syncMs: 60_000,
    clock: realClock,
    log: silent,
    onFatal: (error) => fatal.push(error),
    ...over,
  });
  onTestFinished(() => watch.stop());
  watch.start();
  return { did, fatal, watch };
}

describe('the watch over leases', () => {
  test('syncs the owners before each check', async () => {
    const { did } = aWatch();
    await vi.waitFor(() => expect(did.passes).toBeGreaterThan(2), SOON);
    expect(did.syncs).toBeGreaterThanOrEqual(did.passes);
  });

  test('checks nothing while another replica holds the lock, and syncs once per interval', async () => {
    let holds = 0;
    const { did } = aWatch({ hold: async () => ++holds < 0 });
    await vi.waitFor(() => expect(holds).toBeGreaterThan(5), SOON);
    expect(did).toMatchObject({ syncs: 1, passes: 0 });
    expect(did.refreshes).toBeGreaterThan(3);
  });

  test('syncs again after Redis was out, whichever replica holds the lock', async () => {
    let isUp = true;
    let looks = 0;
    const { did } = aWatch({ isUp: () => looks++ >= 0 && isUp, hold: async () => looks < 0 });
    await vi.waitFor(() => expect(did.refreshes).toBeGreaterThan(0), SOON);
    expect(did.syncs).toBe(1);
    isUp = false;
    const before = looks;
    await vi.waitFor(() => expect(looks).toBeGreaterThan(before), SOON);
    isUp = true;
    await vi.waitFor(() => expect(did.syncs).toBe(2), SOON);
  });

  test('syncs at once if this replica knows more than Redis, whichever replica holds the lock', async () => {
    let isAhead = true;
    const sync = vi.fn(async () => {
      isAhead = false;
    });
    let holds = 0;
    aWatch({ sync, isAhead: () => isAhead, hold: async () => ++holds < 0, syncMs: 60_000 });
    await vi.waitFor(() => expect(holds).toBeGreaterThan(3), SOON);
    expect(sync).toHaveBeenCalledTimes(1);
    isAhead = true;
    await vi.waitFor(() => expect(sync).toHaveBeenCalledTimes(2), SOON);
  });

  test('does nothing while Redis is out', async () => {
    let looks = 0;
    const { did } = aWatch({ isUp: () => ++looks < 0 });
    await vi.waitFor(() => expect(looks).toBeGreaterThan(5), SOON);
    expect(did).toEqual({ syncs: 0, passes: 0, refreshes: 0 });
  });

  test('goes on after Redis failed in the middle', async () => {
    let fails = 3;
    const sync = async () => {
      if (fails-- > 0) throw new StoreUnavailableError('away');
    };
    const { did, fatal } = aWatch({ sync });
    await vi.waitFor(() => expect(did.passes).toBeGreaterThan(0), SOON);
    expect(fatal).toEqual([]);
  });

  test('reports an unexpected error as fatal', async () => {
    const { fatal } = aWatch({ sync: () => Promise.reject(new TypeError('a bug')) });
    await vi.waitFor(() => expect(fatal).toMatchObject([{ message: 'a bug' }]), SOON);
  });
});
