import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../calls/ports.ts';
import { digestOf, FileError, readDocumentMeanwhile } from './bounded-file.ts';
import { DocumentError } from './yaml-reader.ts';

export interface WatchedFile<T> {
  readonly path: string;
  /** The content that was read at the start. */
  readonly text: string;
  /** The variable that names the file, and what the file contains, in the plural: `the apps`. */
  readonly variable: string;
  readonly subject: string;
  /**
   * Blocks the event loop while it reads the files that the content names.
   *
   * @param onNamed called with the path of each of these files
   * @throws DocumentError with the faults of the content
   */
  readonly read: (text: string, onNamed: (path: string) => void) => T;
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
  /** The files that a faulty file names, and their digest before its last check; null: unknown. */
  #named: ReadonlySet<string> = new Set();
  #namedDigest: string | null = null;

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

  #inTurn(act: (look: Look) => void | Promise<void>): Promise<void> {
    const turn = this.#looks.then(async () => {
      const look = await this.#look();
      if (!this.#stopping.signal.aborted) await act(look);
    });
    this.#looks = turn.catch(() => undefined); // its error must not end the next one
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
  async #consider(look: Look): Promise<void> {
    const hasSettled = isDeepStrictEqual(look, this.#last);
    this.#last = look;
    if (!hasSettled) return;
    if (!isDeepStrictEqual(look, this.#handled)) this.#assess(look);
    else if (this.#faults.length > 0) await this.#considerNamed(look);
  }

  /** Looks at the files that a faulty file names, because the fault may be in one of them. */
  async #considerNamed(look: Look): Promise<void> {
    const { signal } = this.#stopping;
    const digest = await digestOf(this.#named, signal);
    if (signal.aborted || digest === this.#namedDigest) return;
    this.#assess(look, true);
    this.#namedDigest = digest;
  }

  #assess(look: Look, isKnown = false): void {
    const { file, log } = this.#options;
    const { path, variable, subject } = file;
    const named = new Set<string>();
    const reading = assess(look, file, (path) => void named.add(path));
    const before = this.#faults;
    this.#named = named;
    this.#namedDigest = null;
    this.#last = look;
    this.#handled = look;
    this.#faults = 'faults' in reading ? reading.faults : [];
    if ('value' in reading) {
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

function assess<T>(
  look: Look,
  { read, use }: WatchedFile<T>,
  onNamed: (path: string) => void,
): Reading<T> {
  if ('fault' in look) return { faults: [`the file ${look.fault}`] };
  try {
    const value = read(look.text, onNamed);
    use(value);
    return { value };
  } catch (error) {
    if (error instanceof DocumentError) return { faults: error.faults };
    // A bug of ours must not end the replica. Its message might quote the file.
    return { faults: [`the file causes an unexpected ${(error as Error).name}`] };
  }
}
