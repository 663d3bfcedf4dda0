import process from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { printableLines } from './printable.ts';
import { StopRequests } from './stop-requests.ts';

// Before the rest is imported, which takes a second: see StopRequests.
const requests = new StopRequests();
try {
  const { runReplica } = await import('./replica.ts');
  // Node imports in one turn of the event loop: whoever asked for the end meanwhile is heard now.
  await setImmediate();
  await runReplica(requests);
} catch (error) {
  // Node would print what the error holds, raw.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`callkeeper: ${printableLines(text)}\n`);
  process.exitCode = 1;
}
