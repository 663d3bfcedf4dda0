import { readBaseUrl } from './paths.ts';

/** The given URLs, or those of CALLKEEPER_URL, with commas between them. */
export function readBaseUrls(given: string | readonly string[] | undefined): URL[] {
  const texts = given === undefined ? listOf(process.env.CALLKEEPER_URL) : [given].flat();
  if (texts.length > 0) return texts.map(readBaseUrl);
  throw new TypeError('baseUrl: expected one URL at least; give one, or set CALLKEEPER_URL');
}

/** For the given key, or that of CALLKEEPER_API_KEY. An error does not quote the key. */
export function readKeyHeader(given: string | null | undefined): Record<string, string> {
  const key = given === undefined ? process.env.CALLKEEPER_API_KEY?.trim() || null : given?.trim();
  if (key === null || key === undefined) return {};
  if (/^[\x21-\x7e]+$/.test(key)) return { authorization: `Bearer ${key}` };
  throw new TypeError('apiKey: expected one key or token: ASCII characters without spaces');
}

/** A limit in ms; throws if it is not a positive number. */
export function readMs(name: string, ms: number): number {
  if (ms > 0) return ms;
  throw new TypeError(`${name}: expected a positive number of milliseconds, got ${ms}`);
}

function listOf(text = ''): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
