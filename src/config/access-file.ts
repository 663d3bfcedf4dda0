import type { KeyHolder } from '../access/key-ring.ts';
import { parseInstant } from '../calls/instant.ts';
import { ACCESS_SCHEMA, type ClientEntry } from './access-schema.ts';
import { YamlReader } from './yaml-reader.ts';

/**
 * Reads the clients, their keys and what each may do.
 *
 * @param text the content of the file
 * @throws DocumentError
 */
export function readAccess(text: string): KeyHolder[] {
  const yaml = new YamlReader(text, ACCESS_SCHEMA);
  const drafts = yaml.draft?.clients ?? [];
  const names = drafts.map((client, i) => [`/clients/${i}`, client?.name] as const);
  yaml.refuseRepeated(names, 'has the name of the client');
  const hashes = drafts.flatMap((client, i) =>
    (client?.keys ?? []).map((key, j) => [`/clients/${i}/keys/${j}/hash`, key?.hash] as const),
  );
  yaml.refuseRepeated(hashes, 'is the same as');
  return yaml.whole().clients.map(toHolder);
}

function toHolder({ name, keys, scopes, apps, rateLimit }: ClientEntry): KeyHolder {
  return {
    name,
    keys: keys.map(({ hash, expiresAt }) => ({
      hash: hash.replace('sha256:', ''),
      expiresAt: expiresAt === undefined ? null : parseInstant(expiresAt),
    })),
    scopes,
    apps: apps ?? null,
    rateLimit: rateLimit ?? null,
  };
}
