import process from 'node:process';

/** How long a command may take to end by itself, once it has its exit code. In ms. */
const LINGER_MS = 100;

/** Lets a command go on without its output when the reader has gone, for example `head`. */
export function surviveReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (!isGone(error)) throw error;
    });
  }
}

/** Ends a command that only prints when the reader has gone. */
export function endWithReader(): void {
  process.stdout.on('error', (error) => {
    if (isGone(error)) process.exit();
  });
}

/** Ends the process even if something is still open, such as a connection in progress. */
export function endSoon(exit: number): void {
  process.exitCode = exit;
  const { stdout, stderr } = process;
  // Exits only after a slow reader has read everything.
  const end = () => stdout.write('', () => stderr.write('', () => process.exit()));
  setTimeout(end, LINGER_MS).unref();
}

/**
 * Makes a name lookup fail early if the name server does not answer. A lookup cannot be aborted, and
 * even `process.exit` waits for it, by default for 10 s. The C library of Debian reads this before
 * the first lookup (resolv.conf(5)).
 */
export function limitLookups(): void {
  process.env.RES_OPTIONS ??= 'timeout:1 attempts:2';
}

function isGone({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'EIO';
}
