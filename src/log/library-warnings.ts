import { format } from 'node:util';
import type { Logger } from 'pino';

/** Lines that are remembered: libraries may print ever different ones. */
const MOST_LINES = 100;

/** Logs what libraries (ioredis, BullMQ) print on the console, each line once. */
export function logConsole(log: Pick<Logger, 'warn'>): void {
  const known = new Set<string>();
  const warn = (...args: unknown[]) => {
    const line = format(...args);
    if (known.has(line) || known.size >= MOST_LINES) return;
    known.add(line);
    log.warn({ line }, 'a library warns');
  };
  console.warn = warn;
  console.error = warn;
}
