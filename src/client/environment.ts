import { readBaseUrl } from './paths.ts';

/** The given URLs, or those of CALLKEEPER_URL, with commas between them. */
export function readBaseUrls(given: string | readonly string[] | undefined): URL[] {
  const texts = given === undefined ? listOf(process.env.CALLKEEPER_URL) : [given].flat();
  if (texts.length > 0) return texts.map(readBaseUrl);
  throw new TypeError('baseUrl: expected one URL at least; give one, or set CALLKEEPER_URL');
}

/** With the given key, or that of CALLKEEPER_API_KEY. */
export function readKeyHeader(given: string | null | undefined): Record<string, string> {
  const key = given === undefined ? process.env.CALLKEEPER_API_KEY?.trim() || null : given;
  return key === null ? {} : { authorization: `Bearer ${key}` };
}

function listOf(text = ''): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
