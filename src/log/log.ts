import process from 'node:process';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { Gatherer } from './gatherer.ts';
import { escapeJson } from './printable.ts';
import { readableLine } from './readable-line.ts';
import { withoutSecrets } from './secrets.ts';

/** Lines that wait for a hanging reader of stdout. More are dropped, and the log says so. */
const MOST_WAITING_BYTES = 16 * 1024 * 1024;
/** At the exit, a reader that takes nothing for this long counts as hanging. */
const END_MS = 1_000;

export interface Log {
  readonly log: Logger;
  /** Ends the process when all is written, or if its reader hangs. */
  exit(code: number): Promise<never>;
}

/**
 * JSON lines on stdout, or readable ones if it is a terminal. They are written outside the event
 * loop: a terminal, a pipe or a log driver that hangs must not stop the keepAlives.
 */
export function openLog(level: string): Log {
  const maxLength = MOST_WAITING_BYTES;
  // With a minLength of 0, `flush` reports that everything is written when it is not. With a larger
  // one than 1, it may leave a rest unwritten.
  const stdout = pino.destination({ dest: 1, sync: false, minLength: 1, maxLength });
  const gatherer = new Gatherer((lines) => void stdout.write(lines));
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }), log: withInstants },
      serializers: { err: withoutCommands },
      hooks: { streamWrite: process.stdout.isTTY ? toRead : clean },
    },
    gatherer,
  );
  // `fatal`, and pino's own hook at the exit, would wait for the reader.
  stdout.flushSync = () => undefined;
  // A disk that is full, a terminal that is gone: no reason to stop.
  stdout.on('error', () => undefined);
  let dropped = 0;
  stdout.on('drop', (lines: string) => {
    dropped += lines.split('\n').length - 1;
  });
  stdout.on('drain', () => {
    if (dropped === 0) return;
    const lines = dropped;
    dropped = 0;
    log.warn({ lines }, 'lines of the log were dropped: nobody read them');
  });
  return {
    log,
    exit: async (code) => {
      gatherer.flush();
      // Node's exit would wait for a write that a hanging reader holds up.
      if (!(await isRead(stdout))) process.kill(process.pid, 'SIGKILL');
      return process.exit(code);
    },
  };
}

/** Resolves with true when everything is written, with false if the reader hangs. */
async function isRead(stdout: ReturnType<typeof pino.destination>): Promise<boolean> {
  const written = new Promise<true>((resolve) => stdout.flush(() => resolve(true)));
  let takenAt = performance.now();
  stdout.on('write', () => {
    takenAt = performance.now();
  });
  for (;;) {
    const leftMs = takenAt + END_MS - performance.now();
    if (leftMs <= 0) return false;
    if (await Promise.race([written, sleep(leftMs, false)])) return true;
    await setImmediate(); // a write may have ended while this process got no CPU
  }
}

/** ioredis adds the failed command and its arguments to an error; for AUTH that is the password. */
const COMMAND = 'command';
/** Errors inside errors (`lastNodeError`, `previousErrors`) are logged down to this depth. */
const MAX_DEPTH = 5;

function withoutCommands(err: unknown, depth = 0): unknown {
  if (typeof err !== 'object' || err === null) return err;
  if (depth > MAX_DEPTH) return '…';
  if (Array.isArray(err)) return err.map((one) => withoutCommands(one, depth + 1));
  const told = err instanceof Error ? pino.stdSerializers.err(err) : err;
  const fields = Object.entries(told).filter(([name]) => name !== COMMAND);
  return Object.fromEntries(
    fields.map(([name, value]) => [name, withoutCommands(value, depth + 1)]),
  );
}

/** Epoch ms. A number below the first, of 1973, is a duration; above the last it is no Date. */
const LEAST_INSTANT = 1e11;
const LAST_INSTANT = 8.64e15;

/** Writes instants (epoch ms in members named `at` or `…At`) as RFC 3339. */
function withInstants(fields: object, depth = 0): Record<string, unknown> {
  const entries = Object.entries(fields).map(([name, value]) => {
    if (isInstant(value) && /(^at|At)$/.test(name)) return [name, new Date(value).toISOString()];
    return [name, isPlain(value) && depth < MAX_DEPTH ? withInstants(value, depth + 1) : value];
  });
  return Object.fromEntries(entries);
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && value >= LEAST_INSTANT && value <= LAST_INSTANT;
}

function isPlain(value: unknown): value is object {
  return (
    value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype
  );
}

function toRead(line: string): string {
  return readableLine(withoutSecrets(line));
}

/** Makes every line safe for a terminal, and removes secrets. */
function clean(line: string): string {
  return escapeJson(withoutSecrets(line));
}
