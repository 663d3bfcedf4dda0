import process from 'node:process';
import { parseArgs } from 'node:util';
import { runDemo } from './demo.ts';

const USAGE = `Usage: npm run demo -- [options]

Callkeeper at work: two replicas that share one wheel, turned fast, with a
simulated bot on one side and a simulated Graph on the other.

  --seconds N   end by itself after N seconds (until Ctrl-C)

Exits with 0 where no call passed its deadline, with 1 otherwise.
`;

/** Of the demo's parent: whoever started it may be killed, and cannot pass that on. */
const WATCH_PARENT_MS = 1_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seconds: { type: 'string' }, help: { type: 'boolean', default: false } },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const stop = new AbortController();
  const hurry = new AbortController();
  listenForTheEnd(() => (stop.signal.aborted ? hurry : stop).abort());
  const passed = await runDemo({
    seconds: parseSeconds(values.seconds),
    stop,
    hurry: hurry.signal,
    write: (text) => process.stdout.write(text),
  });
  process.exitCode = passed ? 0 : 1;
}

/** Whatever says that nobody wants the demo any more; told twice, it hurries. */
function listenForTheEnd(end: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  // A terminal or pipe that is closed: nobody reads on.
  process.stdout.on('error', end);
  process.stderr.on('error', end);
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    end();
  }, WATCH_PARENT_MS).unref();
}

function parseSeconds(text: string | undefined): number | null {
  if (text === undefined) return null;
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds > 0) return seconds;
  throw new Error(`--seconds: expected a whole number of seconds over 0, got "${text}"`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
