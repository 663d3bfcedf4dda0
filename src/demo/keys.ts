import type { ReadStream } from 'node:tty';

export interface Key {
  readonly key: string;
  /** For the reader, as in "k kills a replica". */
  readonly does: string;
  readonly press: () => void;
}

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

/**
 * Listens to single keys of a terminal. In this mode Ctrl-C is a key like the others. It calls
 * `end` for Ctrl-C, and when the terminal is gone.
 *
 * @returns a function that stops listening and restores the terminal
 */
export function listenToKeys(
  terminal: ReadStream,
  keys: readonly Key[],
  end: () => void,
): () => void {
  const onData = (text: string) => {
    for (const key of text) {
      if (key === CTRL_C || key === CTRL_D || key === 'q') end();
      else keys.find((known) => known.key === key)?.press();
    }
  };
  terminal.setRawMode(true);
  terminal.setEncoding('utf8').on('data', onData).once('end', end).once('error', end);
  return () => {
    terminal.off('data', onData).off('end', end).off('error', end);
    terminal.on('error', () => undefined); // it may be gone already
    if (!terminal.destroyed) terminal.setRawMode(false);
    terminal.pause();
  };
}
