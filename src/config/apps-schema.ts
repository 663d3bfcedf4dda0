import Type, { type Static, type TStringOptions } from 'typebox';
import { CLOUD_ALIASES, CLOUDS } from '../graph/clouds.ts';
import {
  GRAPH_URL,
  GUID,
  isPlaceholder,
  SERVICE_URL,
  type UrlRule,
  WEBHOOK_URL,
} from './checks.ts';
import { choice, list, mapping, name, oneOf, truth } from './file-schema.ts';
import { PLACEHOLDER } from './parsers.ts';

const { Optional } = Type;

/** The start of a URL without credentials. */
const HTTPS = '[Hh][Tt][Tt][Pp][Ss]://[^/?#@\\s]+';
const LOOPBACK = '[Hh][Tt][Tt][Pp]://(localhost|127\\.[0-9.]+|\\[::1\\])(:[0-9]+)?';

function guid(description: string) {
  return Type.Refine(
    Type.String({ description, pattern: GUID.source, errorMessage: 'must be a GUID' }),
    (text) => !isPlaceholder(text),
    () => PLACEHOLDER,
  );
}

/** @param options include a pattern: the part of the rule that JSON Schema can express */
function url({ isRight, expected }: UrlRule, options: TStringOptions) {
  const schema = Type.String({ errorMessage: expected, ...options });
  return Type.Refine(schema, isRight, () => expected);
}

function path(description: string) {
  return Type.String({ description, minLength: 1, errorMessage: 'must be the path of a file' });
}

const IDENTITY = {
  clientId: Optional(guid('Its client id.')),
  objectId: Optional(guid('Its object id.')),
  resourceId: Optional(
    Type.String({
      description: 'Its id in Azure Resource Manager.',
      pattern: '^/[Ss][Uu][Bb][Ss][Cc][Rr][Ii][Pp][Tt][Ii][Oo][Nn][Ss]/[\\x21-\\x7e]{1,1000}$',
      errorMessage: 'must be a resource id: /subscriptions/…',
    }),
  ),
};

const identity = oneOf(IDENTITY, {
  description:
    'The app registration trusts a user-assigned managed identity: a federated identity credential.',
});

/** Keywords of mappings do not apply to texts, nor `pattern` to mappings. */
const identityOrSystem = Type.Unsafe<'system' | IdentityEntry>({
  ...identity,
  type: ['string', 'object'],
  pattern: '^system$',
  description: 'The app is itself a managed identity, as with a bot of the type user-assigned MSI.',
  errorMessage: `must be \`system\`, or a mapping with one of ${Object.keys(IDENTITY).join(', ')}`,
});

const certificate = mapping(
  {
    file: path('PEM with certificate and private key, or PFX.'),
    passwordFile: Optional(path('A file with its password.')),
    sendChain: Optional(
      truth(
        'Sends Entra the certificate and its chain (x5c), for trust by subject name and issuer. By default false.',
      ),
    ),
  },
  { description: 'A certificate with its private key.' },
);

const credential = oneOf(
  {
    clientSecretFile: Optional(path('A file with the client secret.')),
    certificate: Optional(certificate),
    federatedTokenFile: Optional(
      path('A token of another issuer, such as Kubernetes (workload identity).'),
    ),
    managedIdentity: Optional(identityOrSystem),
    federatedManagedIdentity: Optional(identity),
  },
  { description: 'One of them. Files are read again for each token, so they can be rotated.' },
);

const webhook = mapping(
  {
    url: url(WEBHOOK_URL, {
      description: 'Where to post the events.',
      maxLength: 2048,
      pattern: `^${HTTPS}([/?][^#]*)?$`,
    }),
    secretFiles: list(
      path('One secret of Standard Webhooks: whsec_ and base64.'),
      'Files with one secret each. During a rotation there are several: each signs.',
    ),
  },
  { description: "Gets the events of the app's calls, unless a call has its own webhook." },
);

const app = mapping({
  name: name('What bots name the app by, in the field `app` of a call.'),
  default: Optional(truth('Whether calls that name no app belong to this one.')),
  cloud: Optional(
    choice(
      [...Object.keys(CLOUDS), ...Object.keys(CLOUD_ALIASES)],
      'By default the one of GRAPH_CLOUD.',
    ),
  ),
  tenantId: guid("The app's own tenant. A call may name another one."),
  clientId: guid('The client id of the app registration.'),
  credential,
  webhook: Optional(webhook),
  graphBaseUrl: Optional(
    url(GRAPH_URL, {
      description: 'Ends in /v1.0 or /beta. For a gateway or the simulator.',
      pattern: `^(${HTTPS}|${LOOPBACK})(/[^?#]*)?/(v1\\.0|beta)/*$`,
    }),
  ),
  authorityHost: Optional(
    url(SERVICE_URL, {
      description: "Instead of the cloud's token authority.",
      pattern: `^${HTTPS}(/[^?#]*)?$`,
    }),
  ),
});

/** The form of APPS_FILE. `npm run configuration` writes config/apps.schema.json from it. */
export const APPS_SCHEMA = mapping(
  { apps: list(app, 'Names are unique. If there are several apps, one is the default.') },
  {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Callkeeper: APPS_FILE',
    description:
      "The apps whose calls are kept alive. Paths may be relative to this file's directory.",
  },
);

export type AppEntry = Static<typeof app>;
export type CertificateEntry = Static<typeof certificate>;
export type CredentialEntry = Static<typeof credential>;
export type IdentityEntry = Static<typeof identity>;
