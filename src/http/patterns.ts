import { CALL_ID_PATTERN } from '../calls/call.ts';
import { OWNER_PATTERN } from '../calls/owner.ts';

/**
 * No control characters. The pattern counts code points, because a validator might count graphemes.
 */
export const plainText = (most: number) => `^[^\\u0000-\\u001f\\u007f-\\u009f]{0,${most}}$`;

export const LABEL_KEY = '^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$';
export const LABEL_FILTER = '^[A-Za-z0-9]';
export const HTTPS_URL = '^[Hh][Tt][Tt][Pp][Ss]://[\\x21-\\x7e]+$';
export const GUID = '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$';

/** What the patterns of the API's schemas ask for, in words. */
const WORDS: ReadonlyMap<string, string> = new Map([
  [
    CALL_ID_PATTERN,
    'must be a call id: 8 to 128 of A-Z a-z 0-9 - _, and start with a letter or digit',
  ],
  [OWNER_PATTERN, 'must be the name of an owner: 1 to 128 of A-Z a-z 0-9 . _ : -, not . or ..'],
  [
    LABEL_KEY,
    'must be a label key: 1 to 63 of A-Z a-z 0-9 . _ / -, and start with a letter or digit',
  ],
  [LABEL_FILTER, 'must be a label, as key or key=value'],
  [HTTPS_URL, 'must be an https:// URL'],
  [GUID, 'must be a GUID'],
]);
const PLAIN_TEXT = /^\^\[\^\\u0000-\\u001f\\u007f-\\u009f\]\{0,(\d+)\}\$$/;

/** null if the pattern is not one of the API's. */
export function describePattern(pattern: string): string | null {
  const [, most] = PLAIN_TEXT.exec(pattern) ?? [];
  if (most !== undefined) return `must have at most ${most} characters, and no control characters`;
  return WORDS.get(pattern) ?? null;
}
