import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../calls/ports.ts';
import type { AppSet } from '../graph/app.ts';
import { type AppsFile, AppsFileError, readApps } from './apps-file.ts';
import { FileError, readTextMeanwhile } from './bounded-file.ts';

export interface AppsWatchOptions {
  /** With the content that the apps were read from which count now. */
  readonly file: AppsFile & { readonly text: string };
  readonly pollMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** From now on these count, and no others. */
  readonly use: (set: AppSet) => void;
  readonly reloaded: (outcome: 'success' | 'failure') => void;
}

/** What a look at the file gave: its content, or why there is none. */
type Look = { readonly text: string } | { readonly fault: string };

/** What came of a look: apps, or what is wrong. */
type Verdict = { readonly set: AppSet } | { readonly faults: readonly string[] };

/**
 * Reads the apps' file again when it has changed, or when asked to. All or
 * nothing: a faulty file changes nothing, and is told of once. The content is
 * compared, as there is no other sign of a change that holds everywhere: a
 * ConfigMap's file is a link to a link that is swapped, and an editor may keep
 * time or inode.
 */
export class AppsWatch {
  readonly #options: AppsWatchOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;
  /** Looks are made one after another: an older one must not count after a newer one. */
  #looks: Promise<unknown> = Promise.resolve();
  #last: Look;
  #judged: Look;
  /** Of what was judged last; empty where it counts. */
  #faults: readonly string[] = [];

  constructor(options: AppsWatchOptions) {
    this.#options = options;
    this.#last = { text: options.file.text };
    this.#judged = this.#last;
  }

  start(): void {
    this.#running ??= this.#poll();
  }

  /** May be called twice, and before `start`. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Reads the file now, changed or not, and tells what came of it. */
  reload(): Promise<void> {
    return this.#inTurn((look) => this.#judge(look));
  }

  async #poll(): Promise<void> {
    const { clock, pollMs } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      await clock.sleep(pollMs, signal);
      if (signal.aborted) return;
      await this.#inTurn((look) => this.#consider(look));
    }
  }

  #inTurn(act: (look: Look) => void): Promise<void> {
    const turn = this.#looks.then(async () => {
      const look = await this.#look();
      if (!this.#stopping.signal.aborted) act(look);
    });
    this.#looks = turn;
    return turn;
  }

  async #look(): Promise<Look> {
    try {
      return { text: await readTextMeanwhile(this.#options.file.path, this.#stopping.signal) };
    } catch (error) {
      if (error instanceof FileError) return { fault: error.reason };
      throw error;
    }
  }

  /** A file counts when it was the same twice: the first look may have been at a half of it. */
  #consider(look: Look): void {
    const hasSettled = isDeepStrictEqual(look, this.#last);
    this.#last = look;
    if (!hasSettled) return;
    const isKnown = isDeepStrictEqual(look, this.#judged);
    // A faulty one is looked at each time: what is missing may be another file.
    if (!isKnown || this.#faults.length > 0) this.#judge(look, isKnown);
  }

  #judge(look: Look, isKnown = false): void {
    const { file, log, reloaded, use } = this.#options;
    const verdict = judge(look, file);
    const before = this.#faults;
    this.#last = look;
    this.#judged = look;
    this.#faults = 'faults' in verdict ? verdict.faults : [];
    if ('set' in verdict) {
      use(verdict.set);
      const { apps, defaultApp } = verdict.set;
      log.info({ apps: apps.map(({ name }) => name), defaultApp }, 'the apps were read anew');
    } else if (isKnown && isDeepStrictEqual(verdict.faults, before)) {
      return; // It has been told.
    } else {
      const { faults } = verdict;
      log.error({ file: file.path, faults }, 'APPS_FILE is faulty: the apps stay as they are');
    }
    reloaded('set' in verdict ? 'success' : 'failure');
  }
}

function judge(look: Look, file: AppsFile): Verdict {
  if ('fault' in look) return { faults: [`the file ${look.fault}`] };
  try {
    return { set: readApps(look.text, file) };
  } catch (error) {
    if (error instanceof AppsFileError) return { faults: error.faults };
    // Of ours, not the file's; it must not end what runs. Its message might quote the file.
    return { faults: [`the file makes for an unexpected ${(error as Error).name}`] };
  }
}
