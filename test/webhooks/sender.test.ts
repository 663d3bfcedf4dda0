import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isPublic } from '../../src/webhooks/addresses.ts';
import { Sender, type SenderOptions } from '../../src/webhooks/sender.ts';

const [OLD, NEW] = ['o', 'n'].map((c) => `whsec_${Buffer.from(c.repeat(32)).toString('base64')}`);
const SECRETS = [OLD ?? '', NEW ?? ''];

interface Received {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

async function aReceiver(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request).catch(() => null);
    if (body === null) return; // the sender has gone away
    const headers = request.headers as Record<string, string>;
    received.push({ path: request.url ?? '', headers, body });
    answer(request, response);
  });
  let connections = 0;
  server.on('connection', () => connections++);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hook`, port, received, connections: () => connections };
}

function aSender(over: Partial<SenderOptions> = {}): Sender {
  const sender = new Sender({
    allowPrivate: true,
    userAgent: 'callkeeper/1.2.3',
    timeoutMs: 5_000,
    ...over,
  });
  onTestFinished(() => sender.destroy());
  return sender;
}

const message = (url: string) => ({
  id: '3/256:1770091506789-2',
  url,
  body: '{"type":"call.ended"}',
  secrets: SECRETS,
});

describe('a message', () => {
  test('is signed with each secret, as the library of a receiver verifies it', async () => {
    const { url, received } = await aReceiver((_, response) => response.writeHead(204).end());
    expect(await aSender().send(message(url))).toEqual({ kind: 'delivered' });
    const [{ headers, body } = { headers: {}, body: '' }] = received;
    for (const secret of SECRETS) {
      expect(new Webhook(secret).verify(body, headers)).toEqual({ type: 'call.ended' });
    }
    const other = new Webhook(`whsec_${Buffer.from('x'.repeat(32)).toString('base64')}`);
    expect(() => other.verify(body, headers)).toThrow('No matching signature');
    expect(() => new Webhook(SECRETS[0] ?? '').verify(`${body} `, headers)).toThrow();
    expect(headers).toMatchObject({
      'webhook-id': '3/256:1770091506789-2',
      'content-type': 'application/json',
      'user-agent': 'callkeeper/1.2.3',
    });
  });

  test.each([301, 302, 307, 308])('does not follow a redirect (%i)', async (status) => {
    const { url, received } = await aReceiver((_, response) =>
      response.writeHead(status, { location: '/elsewhere' }).end(),
    );
    expect(await aSender().send(message(url))).toEqual({
      kind: 'failed',
      reason: `status ${status}`,
      retryAfterMs: null,
    });
    expect(received.map(({ path }) => path)).toEqual(['/hook']);
  });

  test.each([400, 404, 429, 500, 503])('that is answered with %i has failed', async (status) => {
    const { url } = await aReceiver((_, response) => response.writeHead(status).end('no'));
    const attempt = await aSender().send(message(url));
    expect(attempt).toEqual({ kind: 'failed', reason: `status ${status}`, retryAfterMs: null });
  });

  test.each([
    ['120', 120_000],
    ['Tue, 03 Feb 2026 04:06:06 GMT', 60_000],
    ['soon', null],
  ])('may be asked for again when Retry-After (%s) says', async (retryAfter, retryAfterMs) => {
    const headers = { 'retry-after': retryAfter, date: 'Tue, 03 Feb 2026 04:05:06 GMT' };
    const { url } = await aReceiver((_, response) => response.writeHead(429, headers).end());
    const attempt = await aSender().send(message(url));
    expect(attempt).toEqual({ kind: 'failed', reason: 'status 429', retryAfterMs });
  });

  test('that is answered with 410 goes there no more', async () => {
    const { url } = await aReceiver((_, response) => response.writeHead(410).end());
    expect(await aSender().send(message(url))).toEqual({ kind: 'gone' });
  });

  test('fails if a receiver hangs or is not there', async () => {
    const { url } = await aReceiver(() => undefined);
    const sender = aSender({ timeoutMs: 200 });
    expect(await sender.send(message(url))).toMatchObject({ kind: 'failed' });
    const attempt = await sender.send(message('http://127.0.0.1:1/'));
    expect(attempt).toMatchObject({ kind: 'failed', reason: expect.stringContaining('ECONN') });
  });

  test('is delivered by its status, whatever the body: a megabyte, or one without end', async () => {
    let written = 0;
    const { url } = await aReceiver((request, response) => {
      response.writeHead(200);
      if (request.headers['webhook-id'] === 'large') {
        response.end('x'.repeat(1024 * 1024));
        return;
      }
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) written += 65_536;
      };
      response.on('drain', more);
      more();
    });
    const sender = aSender();
    expect(await sender.send({ ...message(url), id: 'large' })).toEqual({ kind: 'delivered' });
    expect(await sender.send(message(url))).toEqual({ kind: 'delivered' });
    // What the kernel takes at most, of what would be without end.
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  test('fails at once when it is to stop', async () => {
    const { url, received } = await aReceiver(() => undefined);
    const sender = aSender({ timeoutMs: 60_000 });
    const sending = sender.send(message(url));
    await expect.poll(() => received.length, { timeout: 15_000 }).toBe(1);
    await sender.destroy();
    expect(await sending).toMatchObject({ kind: 'failed' });
  });
});

describe('an address that is not of the public internet', () => {
  test.each(['127.0.0.1', '0x7f000001', '2130706433', 'localhost', '[::ffff:127.0.0.1]'])(
    'is not connected to, written as %s',
    async (host) => {
      const { port, connections } = await aReceiver((_, response) => response.end());
      const sender = aSender({ allowPrivate: false });
      expect(await sender.send(message(`http://${host}:${port}/`))).toMatchObject({
        kind: 'failed',
        reason: expect.stringContaining('PRIVATE_ADDRESS'),
      });
      expect(connections()).toBe(0);
      const reached = await aSender().send(message(`http://${host}:${port}/`));
      expect(reached).toEqual({ kind: 'delivered' });
    },
  );

  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::7f00:1',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    'fc00::1',
    'fd12::1',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    '168.63.129.16',
    '::ffff:8.8.8.8',
    '::ffff:0:a00:1',
    '64:ff9b:1::a00:1',
    '100:0:0:1::1',
    '1fff:ffff::1',
    '2001:db8::1',
    '2606:4700:4700::1111%eth0',
    '3fff:fff::1',
    '4000::1',
    '5f00::1',
    'no address',
  ])('%s is one', (address) => {
    expect(isPublic(address)).toBe(false);
  });

  test.each([
    '8.8.8.8',
    '100.63.255.255',
    '100.128.0.1',
    '168.63.129.17',
    '172.32.0.1',
    '2001:4860:4860::8888',
    '2606:4700:4700::1111',
    '3ffe::1',
  ])('%s is not one', (address) => {
    expect(isPublic(address)).toBe(true);
  });
});
