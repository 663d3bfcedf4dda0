import { createHash } from 'node:crypto';
import { readFileSync, type Stats, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';

/** Our files are far smaller; a larger one is some other file. */
const MAX_BYTES = 1024 * 1024;

/** Why a file cannot be used, without its name or content. `reason` follows a name of the file. */
export class FileError extends Error {
  readonly code = 'FILE';
  readonly reason: string;
  constructor(reason: string, options?: ErrorOptions) {
    super(`the file ${reason}`, options);
    this.name = 'FileError';
    this.reason = reason;
  }
}

/**
 * The content of a file. A pipe or a device, whose reading may never end, is refused.
 *
 * @throws FileError
 */
export function readBounded(path: string): Buffer {
  try {
    refuseOdd(statSync(path));
    return readFileSync(path);
  } catch (error) {
    throw toFileError(error);
  }
}

/** The content without the newline at the end, which editors and `echo` write. */
export function readText(path: string): string {
  return toText(readBounded(path)).trim();
}

/** The unchanged content, because messages count its lines. */
export function readDocument(path: string): string {
  return toText(readBounded(path));
}

/** Like {@link readDocument}, but asynchronous, because a network file system may hang. */
export async function readDocumentMeanwhile(path: string, signal: AbortSignal): Promise<string> {
  return toText(await readMeanwhile(path, signal));
}

/** A digest of the content of files, or of why they cannot be read. It changes if one of them does. */
export async function digestOf(paths: Iterable<string>, signal: AbortSignal): Promise<string> {
  const digest = createHash('sha256');
  for (const path of paths) {
    const read = readMeanwhile(path, signal);
    digest.update(
      createHash('sha256')
        .update(await read.catch(reasonOf))
        .digest(),
    );
  }
  return digest.digest('hex');
}

async function readMeanwhile(path: string, signal: AbortSignal): Promise<Buffer> {
  try {
    refuseOdd(await stat(path));
    return await readFile(path, { signal });
  } catch (error) {
    throw toFileError(error);
  }
}

function reasonOf(error: unknown): string {
  return toFileError(error).reason;
}

function refuseOdd(stats: Stats): void {
  if (!stats.isFile()) throw new FileError('is not a regular file');
  if (stats.size > MAX_BYTES) throw new FileError(`is larger than ${MAX_BYTES} bytes`);
}

function toText(content: Buffer): string {
  const text = content.toString('utf8');
  if (text.trim() === '') throw new FileError('is empty');
  return text;
}

function toFileError(cause: unknown): FileError {
  if (cause instanceof FileError) return cause;
  const { code } = cause as NodeJS.ErrnoException;
  return new FileError(`cannot be read (${code ?? 'unknown error'})`, { cause });
}
