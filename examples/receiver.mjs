// A receiver of Callkeeper's webhooks, in Node: verifies each event and handles it once.
// Run it as docs/webhooks.md says.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Webhook } from 'standardwebhooks';

const { WEBHOOK_SECRET, TLS_CERT, TLS_KEY, PORT = '8443' } = process.env;
const webhook = new Webhook(WEBHOOK_SECRET);
const tls = { cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) };
const MOST_BYTES = 64 * 1024;

/**
 * The ids of handled events, because each comes at least once. A real bot keeps them for a day, in
 * a database.
 */
const handled = new Set();

const server = createServer(tls, async (request, response) => {
  try {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) {
      body += chunk;
      if (body.length > MOST_BYTES) throw new Error('too long');
    }
    // An event has either a call or an owner.
    const { id, type, call, owner } = webhook.verify(body, request.headers);
    if (!handled.has(id)) console.log(type, call?.id ?? owner.owner);
    handled.add(id);
    response.writeHead(204).end();
  } catch (error) {
    console.error('refused:', error.message);
    response.writeHead(400).end();
  }
});
server.listen(Number(PORT), '127.0.0.1', () =>
  console.log(`https://127.0.0.1:${server.address().port}/`),
);
