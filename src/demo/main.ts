import process from 'node:process';
import { paint } from '../cli/printable.ts';
import { redisForDemo } from '../platform/processes.ts';
import { type DemoOptions, runDemo } from './demo.ts';

export const USAGE = `Usage: npm run demo -- [options]

Callkeeper at work: two replicas that share one wheel, turned fast, with two
simulated bots on one side and a simulated Graph on the other. In a terminal,
keys kill a replica, stop Redis, and kill a bot; without one, nothing is killed.

  --seconds N   end by itself after N seconds (until Ctrl-C)
  --port N      first of the four ports it takes (8080 and 8081 for the replicas,
                9000 and 9443 for Graph and Entra); others if they are taken

On Windows it uses the Redis of REDIS_URL, which it cannot stop.

Exits with 0 if no call passed its deadline, with 1 otherwise.
`;

/** How often the demo checks its parent, which may be killed without a signal to the demo. */
const WATCH_PARENT_MS = 1_000;

/** As `node:util`'s `parseArgs` takes them. */
export const OPTIONS = { seconds: { type: 'string' }, port: { type: 'string' } } as const;

/** Throws if an option is invalid, with what was expected. */
export function readOptions(
  values: Partial<Record<keyof typeof OPTIONS, string>>,
): Pick<DemoOptions, 'lastsS' | 'port' | 'redisUrl'> {
  return {
    lastsS: parseNumber('--seconds', values.seconds, 1_000_000),
    port: parseNumber('--port', values.port, 65_532),
    redisUrl: redisForDemo(process.env.REDIS_URL),
  };
}

/** Resolves with whether no call passed its deadline. */
export async function runUntilTold(options: Pick<DemoOptions, 'lastsS' | 'port' | 'redisUrl'>) {
  const stop = new AbortController();
  const hurry = new AbortController();
  listenForTheEnd(() => (stop.signal.aborted ? hurry : stop).abort());
  return await runDemo({
    ...options,
    stop,
    hurry: hurry.signal,
    write: (text) => process.stdout.write(text),
    paint,
  });
}

function listenForTheEnd(end: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  // The terminal or pipe was closed.
  process.stdout.on('error', end);
  process.stderr.on('error', end);
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    end();
  }, WATCH_PARENT_MS).unref();
}

function parseNumber(name: string, text: string | undefined, most: number): number | null {
  if (text === undefined) return null;
  const number = Number(text);
  if (/^\d+$/.test(text) && number > 0 && number <= most) return number;
  throw new Error(`${name}: expected a whole number from 1 to ${most}, got "${text}"`);
}
