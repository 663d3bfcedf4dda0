import process from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { printableLines } from './printable.ts';
import { StopRequests } from './stop-requests.ts';

// Before the rest is imported, which takes a second: see StopRequests.
const requests = new StopRequests();
try {
  const { runReplica } = await import('./replica.ts');
  // The imports block the event loop; this lets signals that came meanwhile through.
  await setImmediate();
  await runReplica(requests);
} catch (error) {
  // Node itself would print the text unescaped.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`callkeeper: ${printableLines(text)}\n`);
  process.exitCode = 1;
}
