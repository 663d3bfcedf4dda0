import { readText } from '../client/read-text.ts';

export type Probed =
  | { readonly kind: 'ok'; readonly text: string }
  /** It answers that it is not ready, with its reasons. */
  | { readonly kind: 'unready'; readonly reasons: string }
  | { readonly kind: 'silent'; readonly why: string };

/** Longer than any answer to a probe. */
const MOST_BYTES = 4_000_000;

/** Requests `/livez`, `/readyz` or `/metrics`, which need no key. Never rejects. */
export async function probe(base: string, path: string, signal: AbortSignal): Promise<Probed> {
  try {
    const url = new URL(path, base.endsWith('/') ? base : `${base}/`);
    const response = await fetch(url, { signal, redirect: 'manual' });
    const text = await readText(response, MOST_BYTES);
    if (response.ok) return { kind: 'ok', text };
    return { kind: 'unready', reasons: readDetail(text) ?? `HTTP ${response.status}` };
  } catch (error) {
    return { kind: 'silent', why: describe(error) };
  }
}

function readDetail(text: string): string | null {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    return typeof detail === 'string' ? detail : null;
  } catch {
    return null; // probably a proxy's page: the status says enough
  }
}

/** `fetch` hides the reason behind "fetch failed". */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const { cause } = error as { cause?: NodeJS.ErrnoException };
  return cause?.message || cause?.code || error.message;
}
