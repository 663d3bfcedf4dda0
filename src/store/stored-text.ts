import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

/** A text in Redis that is no valid record of this version. */
export class UnreadableError extends Error {
  readonly code = 'UNREADABLE';
  /** A later version of Callkeeper wrote it: it must not be overwritten. */
  readonly newer: boolean;
  constructor(message: string, newer = false) {
    super(message);
    this.name = 'UnreadableError';
    this.newer = newer;
  }
}

/**
 * Checks the version of a text: its first character, a digit.
 *
 * @param readable the versions that this replica reads; a field that an older one lacks is null
 * @throws UnreadableError
 */
export function assertReadable(text: string, readable: ReadonlySet<string>): void {
  const version = text[0] ?? '';
  if (readable.has(version)) return;
  const why = `it has version "${version}", not ${[...readable].join(' or ')}`;
  throw new UnreadableError(why, /^[2-9]/.test(version));
}

/** @throws UnreadableError */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadableError('it is not JSON');
  }
}

/** Returns a function that throws UnreadableError for what does not match the schema. */
export function checkFor<T>(schema: TSchema): (value: unknown) => asserts value is T {
  const compiled = Compile(schema);
  return (value) => {
    if (!compiled.Check(value))
      throw new UnreadableError('it does not have the fields of a record');
  };
}
