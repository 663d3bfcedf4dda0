import { readFile } from 'node:fs/promises';
import { isDoneWithin } from '../calls/cut-off.ts';

const reading = new Map<string, Promise<Buffer>>();

/**
 * Reads a file. Concurrent callers share one read, because a read from a mount that hangs cannot be
 * aborted and keeps one of Node's few threads.
 *
 * @throws Error if the file cannot be read, or the signal aborts first
 */
export async function readOnce(path: string, signal: AbortSignal): Promise<Buffer> {
  const read = reading.get(path) ?? readFile(path).finally(() => reading.delete(path));
  reading.set(path, read);
  if (!(await isDoneWithin(read, signal))) throw new Error(`${path} cannot be read in time`);
  return await read;
}
