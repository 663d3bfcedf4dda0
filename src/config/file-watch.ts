import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../calls/ports.ts';
import { FileError, readDocumentMeanwhile } from './bounded-file.ts';
import { DocumentError } from './yaml-reader.ts';

export interface WatchedFile<T> {
  readonly path: string;
  /** The content that was read at the start. */
  readonly text: string;
  /** The variable that names the file, and what the file contains, in the plural: `the apps`. */
  readonly variable: string;
  readonly subject: string;
  /** @throws DocumentError with the faults of the content */
  readonly read: (text: string) => T;
  readonly use: (value: T) => void;
  readonly logFields: (value: T) => object;
  readonly reloaded: (outcome: 'success' | 'failure') => void;
}

export interface FileWatchOptions<T> {
  readonly file: WatchedFile<T>;
  readonly pollMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The content of the file, or why it cannot be read. */
type Look = { readonly text: string } | { readonly fault: string };

type Reading<T> = { readonly value: T } | { readonly faults: readonly string[] };

/**
 * Reads a file again when it has changed, or on request. All or nothing: a faulty file changes
 * nothing, and is logged once. It compares the content, because no other sign of a change is
 * reliable: a ConfigMap's file is a link to a link that is swapped, and an editor may keep the time
 * or the inode.
 */
export class FileWatch<T> {
  readonly #options: FileWatchOptions<T>;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;
  /** Checks run one after another, so that an older one never overrides a newer one. */
  #looks: Promise<unknown> = Promise.resolve();
  #last: Look;
  #handled: Look;
  /** The faults of the last check; empty if the file is in use. */
  #faults: readonly string[] = [];

  constructor(options: FileWatchOptions<T>) {
    this.#options = options;
    this.#last = { text: options.file.text };
    this.#handled = this.#last;
  }

  start(): void {
    this.#running ??= this.#poll();
  }

  /** May be called twice, and before `start`. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Reads the file now, even if it has not changed, and logs the result. */
  reload(): Promise<void> {
    return this.#inTurn((look) => this.#assess(look));
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

  /** Uses new content only when two reads agree: the first may have seen half of the file. */
  #consider(look: Look): void {
    const hasSettled = isDeepStrictEqual(look, this.#last);
    this.#last = look;
    if (!hasSettled) return;
    const isKnown = isDeepStrictEqual(look, this.#handled);
    // A faulty file is checked each time, because the fault may be in another file that it names.
    if (!isKnown || this.#faults.length > 0) this.#assess(look, isKnown);
  }

  #assess(look: Look, isKnown = false): void {
    const { file, log } = this.#options;
    const { path, variable, subject } = file;
    const reading = assess(look, file.read);
    const before = this.#faults;
    this.#last = look;
    this.#handled = look;
    this.#faults = 'faults' in reading ? reading.faults : [];
    if ('value' in reading) {
      file.use(reading.value);
      log.info(file.logFields(reading.value), `${subject} were read again`);
    } else if (isKnown && isDeepStrictEqual(reading.faults, before)) {
      return; // already logged
    } else {
      const { faults } = reading;
      log.error({ file: path, faults }, `${variable} is faulty: ${subject} stay as they are`);
    }
    file.reloaded('value' in reading ? 'success' : 'failure');
  }
}

function assess<T>(look: Look, read: (text: string) => T): Reading<T> {
  if ('fault' in look) return { faults: [`the file ${look.fault}`] };
  try {
    return { value: read(look.text) };
  } catch (error) {
    if (error instanceof DocumentError) return { faults: error.faults };
    // Our own fault, which must not end the replica. Its message might quote the file.
    return { faults: [`the file causes an unexpected ${(error as Error).name}`] };
  }
}
