import process from 'node:process';

const LOOK_MS = 1_000;

/**
 * npx runs a command in a shell, and a SIGTERM to npx ends that shell alone: the command
 * would run on, known to nobody. So it ends with its shell.
 */
export function endWithNpx(): void {
  if (process.env.npm_lifecycle_event !== 'npx') return;
  const shell = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(look); // told twice, a daemon would not stop but break off
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_MS).unref();
}
