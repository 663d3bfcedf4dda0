import { globSync, writeFileSync } from 'node:fs';

/**
 * The clock of a process, which can be set while it runs (libfaketime). Its monotonic clock stays
 * true.
 */
export class FakedClock {
  readonly #file: string;

  /** @param file libfaketime reads the time from it, in the format of faketime(1) */
  constructor(file: string, aheadS: number) {
    this.#file = file;
    this.set(aheadS);
  }

  set(aheadS: number): void {
    writeFileSync(this.#file, `${aheadS < 0 ? '' : '+'}${aheadS}\n`);
  }

  /** For redis-server, whose jemalloc asks for the time before libfaketime is ready, and hangs. */
  get envForRedis(): NodeJS.ProcessEnv {
    return { ...this.env, LD_PRELOAD: `${library()}:libc.so.6` };
  }

  get env(): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_CACHE_DURATION: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
  }
}

function library(): string {
  const [found] = globSync('/usr/{lib,lib64}/{*/,}faketime/libfaketimeMT.so.1');
  if (!found) throw new Error('libfaketime is not installed (Debian: apt-get install faketime)');
  return found;
}
