import type { Webhook } from '../graph/app.ts';
import { readOnce } from '../graph/read-once.ts';
import { FileError, readText } from './bounded-file.ts';

/**
 * A secret of Standard Webhooks: base64 of 24 to 64 bytes, usually with the prefix `whsec_`.
 * Source:
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
const SECRET = /^(?:whsec_)?([A-Za-z0-9+/]+={0,2})$/;
const LEAST_BYTES = 24;
const MOST_BYTES = 64;

const READ_MS = 5_000;

/** @throws FileError */
export function readWebhookSecret(path: string): string {
  return parseSecret(readText(path));
}

/** Returns the secrets of the files that can be read; throws if none can. */
export function webhookTo(url: string, files: readonly string[]): Webhook {
  return {
    url,
    async secrets() {
      const limit = AbortSignal.timeout(READ_MS);
      const read = files.map(async (file) =>
        parseSecret(String(await readOnce(file, limit)).trim()),
      );
      const results = await Promise.allSettled(read);
      const secrets = results.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
      const [first] = results;
      if (secrets.length === 0 && first?.status === 'rejected') throw first.reason;
      return secrets;
    },
  };
}

export function isWebhookSecret(text: string): boolean {
  const base64 = SECRET.exec(text)?.[1];
  const bytes = base64 === undefined ? 0 : Buffer.from(base64, 'base64').length;
  return bytes >= LEAST_BYTES && bytes <= MOST_BYTES;
}

function parseSecret(text: string): string {
  if (isWebhookSecret(text)) return text;
  throw new FileError(
    `holds no secret of ${LEAST_BYTES} to ${MOST_BYTES} bytes, as whsec_ and base64`,
  );
}
