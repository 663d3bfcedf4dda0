import Type, { type Static } from 'typebox';
import { INSTANT_GRAMMAR, parseInstant } from '../calls/instant.ts';
import { SCOPES } from '../calls/principal.ts';
import { choice, list, mapping, name } from './file-schema.ts';

const MOST_REQUESTS = 1_000_000;

const key = mapping({
  hash: Type.String({
    description: 'SHA-256 of the key, in hex.',
    pattern: '^sha256:[0-9a-f]{64}$',
    errorMessage: 'must be sha256: and 64 hex digits in lower case, the hash of a key',
  }),
  expiresAt: Type.Optional(
    Type.Refine(
      Type.String({
        description: 'RFC 3339. From then on the key is not valid.',
        format: 'date-time',
        pattern:
          '^20[0-9]{2}-[0-9]{2}-[0-9]{2}[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$',
        errorMessage: INSTANT_GRAMMAR,
      }),
      (text) => parseInstant(text) !== null,
      () => INSTANT_GRAMMAR,
    ),
  ),
});

const client = mapping({
  name: name('The name of the client in the audit lines.'),
  keys: list(key, 'Each of them is valid: two during a rotation.'),
  scopes: list(
    choice(SCOPES, 'What the client may do.'),
    'read: GET; track: everything else that bots do; admin: everything.',
  ),
  apps: Type.Optional(
    list(
      name('The name of an app.'),
      'The apps whose calls the client may see and change. By default all.',
    ),
  ),
  rateLimit: Type.Optional(
    Type.Integer({
      description: 'Requests a second. By default RATE_LIMIT.',
      minimum: 1,
      maximum: MOST_REQUESTS,
      errorMessage: `must be a whole number from 1 to ${MOST_REQUESTS}`,
    }),
  ),
});

/** The form of ACCESS_FILE. `npm run configuration` writes config/access.schema.json from it. */
export const ACCESS_SCHEMA = mapping(
  { clients: list(client, 'Names are unique, and so are hashes.') },
  {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Callkeeper: ACCESS_FILE',
    description: 'Who may use the API, and for what. The file has only hashes of keys.',
  },
);

export type ClientEntry = Static<typeof client>;
