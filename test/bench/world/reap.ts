import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';

/** A process that is no Node of ours, with its data, which is thrown away. */
export class Disposable implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #signal: NodeJS.Signals;
  readonly #onExit: () => void;

  /** @param signal ends it at once */
  constructor(child: ChildProcess, directory: string, signal: NodeJS.Signals) {
    this.#child = child;
    this.#directory = directory;
    this.#signal = signal;
    // Where the bench itself is ended in the middle.
    this.#onExit = () => {
      child.kill(signal);
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    };
    process.once('exit', this.#onExit);
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#onExit);
    if (!this.hasEnded) {
      const exited = once(this.#child, 'exit');
      this.#child.kill(this.#signal);
      await exited;
    }
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
