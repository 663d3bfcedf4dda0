import { readFile } from 'node:fs/promises';
import { isDoneWithin } from '../calls/cut-off.ts';

const reading = new Map<string, Promise<Buffer>>();

/**
 * Reads a file, at most once at a time: a read from a mount that hangs cannot be aborted, and each
 * further one would keep another of Node's few threads.
 *
 * @throws Error if the file cannot be read, or not before the signal aborts
 */
export async function readOnce(path: string, signal: AbortSignal): Promise<Buffer> {
  const read = reading.get(path) ?? readFile(path).finally(() => reading.delete(path));
  reading.set(path, read);
  if (!(await isDoneWithin(read, signal))) throw new Error(`${path} cannot be read in time`);
  return await read;
}
