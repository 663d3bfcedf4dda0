import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';

/** Plain files without a build. */
const FILES = new URL('../../board/', import.meta.url);

/** The one script of the board that it shares with the client. */
const EVENT_FRAMES = 'client/event-frames.js';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
    "require-trusted-types-for 'script'; trusted-types 'none'",
  // After an update, the page must not use old scripts.
  'cache-control': 'no-cache',
};

/** The page contains no data: it reads them from the API, with the user's key. */
const options = { config: { open: true }, schema: { hide: true } };

export const boardRoutes: FastifyPluginCallbackTypebox = (app, _options, done) => {
  const paths = [...readdirSync(FILES).map((name) => `board/${name}`), EVENT_FRAMES];
  for (const path of paths) {
    const type = MEDIA_TYPES[extname(path)];
    if (type === undefined) continue;
    const body = readFileSync(new URL(`../${path}`, FILES));
    const route = path === 'board/index.html' ? '/' : `/${path}`;
    app.get(route, options, (_request, reply) => reply.headers(HEADERS).type(type).send(body));
  }
  const runbook = readRunbook();
  if (runbook !== null) {
    app.get('/runbook', options, (_request, reply) =>
      reply.headers(HEADERS).type('text/plain; charset=utf-8').send(runbook),
    );
  }
  done();
};

/** null in an installation without docs. */
function readRunbook(): string | null {
  try {
    return readFileSync(new URL('../../../docs/runbook.md', import.meta.url), 'utf8');
  } catch {
    return null;
  }
}
