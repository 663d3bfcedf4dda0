import process from 'node:process';
import { onLauncherGone } from './processes.ts';

export interface StopHandlers {
  /** Called once, however many requests come. */
  stop(by: string): void;
  /** A second Ctrl-C: the user does not want to wait for the end. */
  hurry(): void;
  /** SIGHUP: a closed terminal, or a request to read files again. */
  hangUp(): void;
}

/** A terminal and npm, or npx, may both pass on the same Ctrl-C within this time, in ms. */
const SAME_MS = 500;

/**
 * Collects requests to end this process. It listens before anything else is imported, because the
 * kernel drops a signal to PID 1 that has no handler, and a container would run until its SIGKILL.
 * Until `handle` is called there is nothing to stop, and the process ends at once.
 *
 * A repeated SIGTERM changes nothing: systemd, npm and a launcher may each send one for the same
 * stop, and all of them use SIGKILL if it takes too long. A second Ctrl-C ends the process at once.
 */
export class StopRequests {
  #handlers: StopHandlers | null = null;
  #askedAt: number | null = null;
  #hungUp = false;

  constructor() {
    process.on('SIGTERM', () => this.stop('SIGTERM'));
    process.on('SIGINT', () => this.#interrupt());
    process.on('SIGHUP', () => this.#hangUp());
    onLauncherGone(() => this.stop('the launcher is gone'));
  }

  get asked(): boolean {
    return this.#askedAt !== null;
  }

  handle(handlers: StopHandlers): void {
    this.#handlers = handlers;
    if (this.#hungUp) handlers.hangUp();
  }

  stop(by: string): void {
    if (this.#handlers === null) process.exit(0);
    if (this.#askedAt !== null) return;
    this.#askedAt = performance.now();
    this.#handlers.stop(by);
  }

  #interrupt(): void {
    if (this.#askedAt === null) this.stop('SIGINT');
    else if (performance.now() - this.#askedAt > SAME_MS) this.#handlers?.hurry();
  }

  #hangUp(): void {
    if (this.#handlers === null) this.#hungUp = true;
    else this.#handlers.hangUp();
  }
}
