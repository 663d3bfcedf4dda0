import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { scopeOf } from './admission.ts';
import { KeepAliveProblemSchema, ProblemSchema, ReadinessProblemSchema } from './answers.ts';
import { CallSchema, LastErrorSchema } from './call-resource.ts';
import { nameSchemas } from './components.ts';
import { EventSchema } from './event-resource.ts';
import { OwnerSchema } from './owner-resource.ts';

const DESCRIPTION = `Keeps the calls of Microsoft Teams bots alive on Microsoft Graph.

A bot tracks a call's id; from then on Callkeeper posts \`keepAlive\` for it every interval (15
minutes), until the bot says stop or Graph says that the call has ended.

Errors are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem documents; \`type\` names the
kind and is stable. Besides those listed with each route, any request may be answered with 404
(\`route-not-found\`), 405 with \`Allow\`, 408 or 431. Times are
[RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) in UTC with milliseconds.

If keys or tokens are configured, a route requires one that has its scope (or \`admin\`), unless the
route says otherwise. A key that is limited to some apps cannot see the calls of other apps. After
429 or 503, wait for the seconds of \`Retry-After\`; every request may be repeated safely.`;

const TAGS = [
  { name: 'Tracking', description: 'What a bot does: say which calls to keep alive.' },
  { name: 'Calls', description: 'The state of the calls.' },
  { name: 'Operations', description: 'For probes, scrapers and people.' },
];

const header = (name: string, description: string) => ({
  name,
  in: 'header' as const,
  required: true,
  description,
  schema: { type: 'string' as const },
});

const WEBHOOKS = {
  callEvent: {
    post: {
      tags: ['Calls'],
      operationId: 'tellOfCall',
      summary: 'What happened to a call',
      description:
        "Posted to the call's `webhookUrl`, or else to `WEBHOOK_URL`, when the call ends, expires, " +
        'is no longer tracked, falls at risk or recovers; signed as in the [Standard Webhooks]' +
        '(https://www.standardwebhooks.com) specification. Each event comes at least once, and the ' +
        'events of one call in their order. An event is sent again, with back-off, for a day.',
      security: [],
      parameters: [
        header('webhook-id', 'The `id` of the event; a repeat has the same.'),
        header('webhook-timestamp', 'When this attempt was made, in seconds since 1970.'),
        header('webhook-signature', 'One `v1,…` for each secret of `WEBHOOK_SECRETS`.'),
      ],
      requestBody: {
        required: true,
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Event' } } },
      },
      responses: {
        '2XX': { description: 'The event is accepted; a body is not read.' },
        410: { description: 'Nothing more is sent to this URL for a day.' },
        '4XX': { description: 'Anything else, including a redirect: the event is sent again.' },
      },
    },
  },
};

/** Swagger UI adds this one style to its page by script. */
const OWN_STYLE = 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w=';

/** Only files of this server, and data URLs for Swagger UI's icons. */
const DOCS_CSP =
  `default-src 'none'; script-src 'self'; style-src 'self' '${OWN_STYLE}'; img-src 'self' data:; ` +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * Generates the document from the routes that are registered afterwards, and serves its page at
 * `/docs`.
 */
export const openApi = fastifyPlugin<{ version: string }>(async (app, { version }) => {
  for (const schema of COMPONENTS) app.addSchema(schema);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Callkeeper',
        version,
        description: DESCRIPTION,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/', description: 'The replica that serves this document.' }],
      tags: TAGS,
      webhooks: WEBHOOKS,
      components: {
        securitySchemes: {
          apiKey: {
            type: 'http',
            scheme: 'bearer',
            description: 'A key of `API_KEYS`, or of a client in `ACCESS_FILE` with the scope.',
          },
          entra: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'An access token of Entra for this API, with the app role.',
          },
        },
      },
    },
    transform: ({ schema, url, route }) => {
      const { security, ...rest } = schema ?? {};
      const methods = [route.method].flat();
      return { url, schema: { ...rest, security: security ?? wanted(methods, route.config) } };
    },
    refResolver: {
      buildLocalReference: ({ $id }, _base, _fragment, i) => String($id ?? `def-${i}`),
    },
    transformObject: (document) =>
      'openapiObject' in document ? nameSchemas(correct(document.openapiObject)) : {},
  });
  await app.register(docsPage);
});

/** Open, like the board: a browser sends no key for a page, and the page has no data. */
async function docsPage(app: FastifyInstance): Promise<void> {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, open: true };
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: DOCS_CSP,
    uiConfig: { persistAuthorization: false },
  });
}

/** The scope for keys, and the app role for tokens of Entra. */
function wanted([method = '']: readonly string[], config: FastifyContextConfig = {}) {
  const scope = scopeOf(method, config);
  if (scope === null) return [{ apiKey: [] }, { entra: [] }];
  const role = `Callkeeper.${scope.charAt(0).toUpperCase()}${scope.slice(1)}`;
  return [{ apiKey: [scope] }, { entra: [role] }];
}

const COMPONENTS = [
  CallSchema,
  LastErrorSchema,
  OwnerSchema,
  EventSchema,
  ProblemSchema,
  KeepAliveProblemSchema,
  ReadinessProblemSchema,
];

/** Corrects what the plugin cannot express. */
function correct<T extends { paths?: object }>(document: T): T {
  const paths = structuredClone(document.paths) as Record<string, Record<string, Operation>>;
  const { post, delete: untrack } = paths['/calls/{id}/track'] ?? {};
  // The plugin marks every body as required; that of `trackCall` is optional.
  if (post?.requestBody) post.requestBody.required = false;
  // Clients made by NSwag throw on the 204 if the 202 has a body.
  if (untrack) delete untrack.responses['202']?.content;
  return { ...document, paths };
}

interface Operation {
  readonly requestBody?: { required?: boolean };
  readonly responses: Record<string, { content?: object }>;
}
