import process from 'node:process';
import { onLauncherGone } from './processes.ts';

export interface StopHandlers {
  /** Asked once, however many ask. */
  stop(by: string): void;
  /** Somebody at a terminal does not want to wait for the end. */
  hurry(): void;
  /** SIGHUP: a terminal that is closed, or a request to read files again. */
  hangUp(): void;
}

/** A terminal and npm, or npx, pass on the same Ctrl-C. */
const SAME_MS = 500;

/**
 * Who wants this process to end. It listens before anything else is imported: the kernel
 * drops a signal to PID 1 that nobody handles, and a container would live until its SIGKILL.
 * Until there are handlers there is nothing to stop, and the process ends at once.
 *
 * A repeated SIGTERM changes nothing: systemd, npm and a launcher may each send one for the
 * same stop, and all of them have SIGKILL for when it takes too long. A second Ctrl-C hurries.
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

  /** From now on these decide. */
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
