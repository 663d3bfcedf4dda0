import { once } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { Shutdown, type ShutdownNeeds } from '../../src/daemon/shutdown.ts';

const hang = () => Promise.withResolvers<void>().promise;

/** The shutdown of parts that say what they do, in order. */
function aShutdown(over: Partial<ShutdownNeeds> = {}, shutdownMs = 60_000) {
  const done: string[] = [];
  const errors: unknown[] = [];
  const did = (what: string) => async () => void done.push(what);
  const needs: ShutdownNeeds = {
    api: { refuse: () => void done.push('refuse'), drain: did('drain') },
    keeper: { close: () => undefined, settled: did('keeper') },
    schedule: { stop: did('schedule') },
    watch: { stop: did('watch') },
    owners: { stop: did('owners') },
    webhooks: { stop: did('webhooks') },
    redis: { link: { out: new AbortController().signal } },
    recovery: { saveLast: did('save last') },
    parts: { [Symbol.asyncDispose]: did('dispose') },
    ...over,
  };
  const log = { error: (told: unknown) => void errors.push(told) };
  const ownerObserver = { flush: () => void done.push('log owners') };
  const tokenLog = { flush: () => void done.push('log tokens') };
  const context = { config: { shutdownMs }, log, ownerObserver, tokenLog };
  return { shutdown: new Shutdown(context, needs), done, errors };
}

describe('a replica that stops', () => {
  test('is unready first, and disposes of its parts last', async () => {
    const { shutdown, done } = aShutdown();
    await shutdown.stop();
    expect(done[0]).toBe('refuse');
    expect(done.slice(-4)).toEqual(['log owners', 'log tokens', 'save last', 'dispose']);
    expect(done).toEqual(
      expect.arrayContaining(['drain', 'keeper', 'schedule', 'watch', 'owners', 'webhooks']),
    );
  });

  test.each([999, 1_001, 7_998])('stops in order within a limit of %i ms', async (limitMs) => {
    const { shutdown, done } = aShutdown({}, limitMs);
    await shutdown.stop();
    expect(done).toContain('save last');
  });

  test('saves what it alone knows although a part does not stop', async () => {
    const failure = new Error('no watch');
    const watch = { stop: () => Promise.reject(failure) };
    const { shutdown, done, errors } = aShutdown({ watch });
    await shutdown.stop();
    expect(done.slice(-4)).toEqual(['log owners', 'log tokens', 'save last', 'dispose']);
    expect(errors).toEqual([{ err: failure }]);
  });

  test('stops once, however often it is asked to', async () => {
    const { shutdown, done } = aShutdown();
    await Promise.all([shutdown.stop(), shutdown.stop()]);
    expect(done.filter((what) => what === 'dispose')).toHaveLength(1);
  });

  test.each(['schedule', 'watch', 'owners', 'webhooks'] as const)(
    'logs and saves what it has, and disposes of its parts, although %s.stop() hangs',
    async (part) => {
      const { shutdown, done } = aShutdown({ [part]: { stop: hang } }, 400);
      await shutdown.stop();
      expect(done).not.toContain(part);
      expect(done.slice(-4)).toEqual(['log owners', 'log tokens', 'save last', 'dispose']);
    },
  );

  test('saves what it alone knows although a request and Redis hang', async () => {
    const api = { refuse: () => undefined, drain: hang };
    const saved = vi.fn<() => void>();
    const saveLast = async (limit: AbortSignal) => {
      if (!limit.aborted) await once(limit, 'abort');
      saved();
    };
    const { shutdown, done } = aShutdown({ api, recovery: { saveLast } }, 400);
    await shutdown.stop();
    expect(saved).toHaveBeenCalledTimes(1);
    expect(done.slice(-3)).toEqual(['log owners', 'log tokens', 'dispose']);
  });

  test('does not wait longer than its limit for Redis to save, or for a part to close', async () => {
    const saving = aShutdown({ recovery: { saveLast: hang } }, 20);
    const closing = aShutdown({ parts: { [Symbol.asyncDispose]: hang } }, 20);
    await Promise.all([saving.shutdown.stop(), closing.shutdown.stop()]);
    expect(saving.done).not.toContain('dispose');
    expect(closing.done.slice(-3)).toEqual(['log owners', 'log tokens', 'save last']);
  });
});
