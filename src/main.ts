import './platform/threads.ts';
import process from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { printable, printableLines } from './log/printable.ts';
import { StopRequests } from './platform/stop-requests.ts';

// Before the rest is imported, which takes a second: see StopRequests.
const requests = new StopRequests();
const [argument] = import.meta.main ? process.argv.slice(2) : [];
try {
  if (argument !== undefined) await refuse(argument);
  else await run();
} catch (error) {
  // Node itself would print the text unescaped.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`callkeeper: ${printableLines(text)}\n`);
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const { runReplica } = await import('./replica.ts');
  // Handles the signals that came while the imports blocked the event loop.
  await setImmediate();
  await runReplica(requests);
}

/** Somebody would believe that an ignored option has an effect. */
async function refuse(argument: string): Promise<void> {
  const { VARIABLES } = await import('./config/table.ts');
  const [option = ''] = argument.split('=');
  const name = option.replace(/^-+/, '').replaceAll('-', '_').toUpperCase();
  const instead = VARIABLES.has(name)
    ? `set ${name} instead; \`callkeeper serve --help\` lists all variables`
    : 'set variables instead, which `callkeeper serve --help` lists';
  process.stderr.write(
    `callkeeper: a replica takes no arguments, got ${printable(argument)}: ${instead}\n`,
  );
  process.exitCode = 2;
}
