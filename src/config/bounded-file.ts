import { readFileSync, type Stats, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';

/** What is configured by files is far smaller; what is larger is another file. */
const MAX_BYTES = 1024 * 1024;

/** Why a file cannot be used, without its name or content: `reason` is to follow a name of it. */
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

/** Without the newline that editors and `echo` end a file with. */
export function readText(path: string): string {
  return toText(readBounded(path));
}

/** As {@link readText}, while others go on: a network's file system may hang. */
export async function readTextMeanwhile(path: string, signal: AbortSignal): Promise<string> {
  try {
    refuseOdd(await stat(path));
    return toText(await readFile(path, { signal }));
  } catch (error) {
    throw toFileError(error);
  }
}

function refuseOdd(stats: Stats): void {
  if (!stats.isFile()) throw new FileError('is not a regular file');
  if (stats.size > MAX_BYTES) throw new FileError(`is larger than ${MAX_BYTES} bytes`);
}

function toText(content: Buffer): string {
  const text = content.toString('utf8').trim();
  if (text === '') throw new FileError('is empty');
  return text;
}

function toFileError(cause: unknown): FileError {
  if (cause instanceof FileError) return cause;
  const { code } = cause as NodeJS.ErrnoException;
  return new FileError(`cannot be read (${code ?? 'unknown error'})`, { cause });
}
