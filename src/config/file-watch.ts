import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../calls/ports.ts';
import { FileError, readDocumentMeanwhile } from './bounded-file.ts';
import { DocumentError } from './yaml-reader.ts';

/** What a file is watched for. */
export interface WatchedFile<T> {
  readonly path: string;
  /** The content that was read at the start, which counts now. */
  readonly text: string;
  /** The variable that names the file, and what stands in it, in the plural: `the apps`. */
  readonly variable: string;
  readonly subject: string;
  /** @throws DocumentError with what is wrong with the content. */
  readonly read: (text: string) => T;
  /** From now on this counts, and nothing else. */
  readonly use: (value: T) => void;
  /** What the log is told of it. */
  readonly told: (value: T) => object;
  readonly reloaded: (outcome: 'success' | 'failure') => void;
}

export interface FileWatchOptions<T> {
  readonly file: WatchedFile<T>;
  readonly pollMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What a look at the file gave: its content, or why there is none. */
type Look = { readonly text: string } | { readonly fault: string };

/** What came of a look: what counts from now on, or what is wrong. */
type Verdict<T> = { readonly value: T } | { readonly faults: readonly string[] };

/**
 * Reads a file again when it has changed, or when asked to. All or nothing: a
 * faulty file changes nothing, and is told of once. The content is compared, as
 * there is no other sign of a change that holds everywhere: a ConfigMap's file is
 * a link to a link that is swapped, and an editor may keep time or inode.
 */
export class FileWatch<T> {
  readonly #options: FileWatchOptions<T>;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;
  /** Looks are made one after another: an older one must not count after a newer one. */
  #looks: Promise<unknown> = Promise.resolve();
  #last: Look;
  #judged: Look;
  /** Of what was judged last; empty where it counts. */
  #faults: readonly string[] = [];

  constructor(options: FileWatchOptions<T>) {
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
      return { text: await readDocumentMeanwhile(this.#options.file.path, this.#stopping.signal) };
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
    const { file, log } = this.#options;
    const { path, variable, subject } = file;
    const verdict = judge(look, file.read);
    const before = this.#faults;
    this.#last = look;
    this.#judged = look;
    this.#faults = 'faults' in verdict ? verdict.faults : [];
    if ('value' in verdict) {
      file.use(verdict.value);
      log.info(file.told(verdict.value), `${subject} were read again`);
    } else if (isKnown && isDeepStrictEqual(verdict.faults, before)) {
      return; // It has been told.
    } else {
      const { faults } = verdict;
      log.error({ file: path, faults }, `${variable} is faulty: ${subject} stay as they are`);
    }
    file.reloaded('value' in verdict ? 'success' : 'failure');
  }
}

function judge<T>(look: Look, read: (text: string) => T): Verdict<T> {
  if ('fault' in look) return { faults: [`the file ${look.fault}`] };
  try {
    return { value: read(look.text) };
  } catch (error) {
    if (error instanceof DocumentError) return { faults: error.faults };
    // Of ours, not the file's; it must not end what runs. Its message might quote the file.
    return { faults: [`the file makes for an unexpected ${(error as Error).name}`] };
  }
}
