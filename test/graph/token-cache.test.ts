import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { type Token, TokenCache, TokenError } from '../../src/graph/token-cache.ts';

const HOUR = 3_600_000;

/** A cache on a clock of its own, whose token source answers what the test puts in `next`. */
function makeCache() {
  const world = {
    now: 0,
    asked: [] as (string | null)[],
    outcomes: [] as string[],
    next: async (): Promise<Token> => issue(),
  };
  const issue = (more: Partial<Token> = {}): Token => ({
    value: `token-${world.asked.length}`,
    lifetimeMs: HOUR,
    refreshInMs: null,
    ...more,
  });
  const cache = new TokenCache({
    acquire: (claims) => {
      world.asked.push(claims);
      return world.next();
    },
    uptime: () => world.now,
    random: () => 1,
    log: pino({ level: 'silent' }),
    requested: (outcome) => void world.outcomes.push(outcome),
    reserveMs: 5 * 60_000,
  });
  const fail = async (): Promise<Token> => {
    throw new TokenError('AADSTS90033', 'AADSTS90033: transient', null);
  };
  return { cache, world, issue, fail };
}

/** Lets what was started in the background come to its end. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a token', () => {
  test('is asked for once by any number of callers at the same time', async () => {
    const { cache, world } = makeCache();
    const tokens = await Promise.all(Array.from({ length: 100 }, () => cache.get()));
    expect(new Set(tokens)).toEqual(new Set(['token-1']));
    expect(world.asked).toEqual([null]);
  });

  test('is served without asking while it is young', async () => {
    const { cache, world } = makeCache();
    await cache.get();
    world.now = 49 * 60_000;
    expect(await cache.get()).toBe('token-1');
    expect(world.asked).toHaveLength(1);
  });

  test('is renewed in the background when ten minutes are left', async () => {
    const { cache, world } = makeCache();
    await cache.get();
    world.now = 51 * 60_000;
    expect(await cache.get()).toBe('token-1');
    await settle();
    expect(await cache.get()).toBe('token-2');
    expect(world.asked).toHaveLength(2);
  });

  test('is renewed when Entra asks for it, if that is sooner', async () => {
    const { cache, world, issue } = makeCache();
    world.next = async () => issue({ lifetimeMs: 24 * HOUR, refreshInMs: 12 * HOUR });
    await cache.get();
    world.now = 12 * HOUR - 1;
    await cache.get();
    expect(world.asked).toHaveLength(1);
    world.now = 12 * HOUR;
    await cache.get();
    expect(world.asked).toHaveLength(2);
  });

  test('of a short life is renewed when a third of it is left', async () => {
    const { cache, world, issue } = makeCache();
    world.next = async () => issue({ lifetimeMs: 9000 });
    await cache.get();
    world.now = 5999;
    await cache.get();
    expect(world.asked).toHaveLength(1);
    world.now = 6000;
    await cache.get();
    expect(world.asked).toHaveLength(2);
  });

  test('is served until it expires while its renewal fails, with pauses between the tries', async () => {
    const { cache, world, fail } = makeCache();
    await cache.get();
    world.next = fail;
    for (world.now = 51 * 60_000; world.now < HOUR - 5000; world.now += 100) {
      expect(await cache.get()).toBe('token-1');
      await settle();
    }
    expect(world.outcomes.filter((outcome) => outcome === 'failure').length).toBeLessThan(25);
    world.now = HOUR;
    await expect(cache.get()).rejects.toThrow('AADSTS90033');
  });

  test('that cannot be fetched is not requested again by each caller', async () => {
    const { cache, world, fail } = makeCache();
    world.next = fail;
    for (let i = 0; i < 100; i++) await expect(cache.get()).rejects.toThrow(TokenError);
    expect(world.asked).toHaveLength(1);
    world.now = 1000;
    await expect(cache.get()).rejects.toThrow(TokenError);
    expect(world.asked).toHaveLength(2);
    world.now = 2999;
    await expect(cache.get()).rejects.toThrow(TokenError);
    expect(world.asked).toHaveLength(2);
  });

  test('is there at once when a pause after a failure is over', async () => {
    const { cache, world, fail, issue } = makeCache();
    world.next = fail;
    await expect(cache.get()).rejects.toThrow(TokenError);
    world.next = async () => issue();
    world.now = 1000;
    expect(await cache.get()).toBe('token-2');
  });

  test('is not asked for before the Retry-After of Entra, up to five minutes', async () => {
    const { cache, world } = makeCache();
    world.next = async () => {
      throw new TokenError(null, 'busy', HOUR);
    };
    await expect(cache.get()).rejects.toThrow('busy');
    world.now = 299_999;
    await expect(cache.get()).rejects.toThrow('busy');
    expect(world.asked).toHaveLength(1);
    world.now = 300_000;
    await expect(cache.get()).rejects.toThrow('busy');
    expect(world.asked).toHaveLength(2);
  });

  test('is asked for despite the Retry-After of Entra, if it ends too late for a deadline', async () => {
    const { cache, world, issue } = makeCache();
    world.next = async () => {
      throw new TokenError(null, 'busy', 300_000);
    };
    await expect(cache.get()).rejects.toThrow('busy');
    world.next = async () => issue();
    world.now = 60_000;
    // Of the 10 minutes that are left to it 5 are for further attempts: 4 min of pause fit.
    await expect(cache.get(10 * 60_000)).rejects.toThrow('busy');
    expect(await cache.get(8 * 60_000)).toBe('token-2');
  });

  test('is not asked for in a hot loop, however near the deadline is', async () => {
    const { cache, world } = makeCache();
    world.next = async () => {
      throw new TokenError(null, 'busy', 300_000);
    };
    for (world.now = 0; world.now < 10_000; world.now += 100) {
      await expect(cache.get(0)).rejects.toThrow('busy');
    }
    expect(world.asked.length).toBeLessThanOrEqual(10);
  });

  test('is asked for within half of what is left to a deadline, however often it failed', async () => {
    const { cache, world, fail, issue } = makeCache();
    world.next = fail;
    for (world.now = 0; world.now < 100_000; world.now += 500) {
      await expect(cache.get()).rejects.toThrow(TokenError);
    }
    world.next = async () => issue();
    await expect(cache.get(60 * 60_000)).rejects.toThrow(TokenError);
    expect(await cache.get(4_000)).toMatch(/^token-/);
  });

  test('is at hand until it expires', async () => {
    const { cache, world } = makeCache();
    expect(cache.isAtHand).toBe(false);
    await cache.get();
    expect(cache.isAtHand).toBe(true);
    world.now = HOUR;
    expect(cache.isAtHand).toBe(false);
  });

  test('source that throws an odd error fails like any other', async () => {
    const { cache, world } = makeCache();
    world.next = async () => {
      throw 'odd';
    };
    await expect(cache.get()).rejects.toThrow(TokenError);
  });
});

describe('a token that Graph refused', () => {
  test('is replaced once for all calls that it was refused for', async () => {
    const { cache, world } = makeCache();
    const token = await cache.get();
    const others = await Promise.all(
      Array.from({ length: 50 }, () => cache.replace(token, '{"claims":1}')),
    );
    expect(new Set(others)).toEqual(new Set(['token-2']));
    expect(await cache.replace(token, null)).toBe('token-2');
    expect(world.asked).toEqual([null, '{"claims":1}']);
  });

  test('as its successor is, is not replaced again at once', async () => {
    const { cache, world } = makeCache();
    const token = await cache.get();
    const second = await cache.replace(token, null);
    expect(await cache.replace(second ?? '', null)).toBeNull();
    expect(world.asked).toHaveLength(2);
    world.now = 1000;
    expect(await cache.replace(second ?? '', null)).toBe('token-3');
    world.now = 2500;
    expect(await cache.replace('token-3', null)).toBeNull();
  });

  test('stays in use if there is no other: Graph may have refused one call only', async () => {
    const { cache, world, fail } = makeCache();
    const token = await cache.get();
    world.next = fail;
    for (let i = 0; i < 3; i++)
      await expect(cache.replace(token, null)).rejects.toThrow(TokenError);
    expect(world.asked).toHaveLength(2);
    expect(await cache.get()).toBe(token);
  });
});
