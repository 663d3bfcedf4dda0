import { createServer as createPlain, type RequestListener } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

export const SECRET = `whsec_${Buffer.from('s'.repeat(32)).toString('base64')}`;

export interface Told {
  readonly path: string;
  /** The header's. */
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: what an event holds is what the test asserts
  readonly event: any;
}

/** A receiver of webhooks: verifies them, and answers as it is told to. */
export class Receiver {
  /** Each request that verified, in their order. */
  readonly told: Told[] = [];
  /** Those that did not. */
  readonly forged: unknown[] = [];
  /** The status for a request; null: it is never answered. */
  answer: (told: Told) => number | null = () => 204;
  /** The `Retry-After` of each answer, seconds; null: none. */
  retryAfter: number | null = null;
  readonly #server;
  readonly #scheme: string;

  constructor(identity?: { readonly certificate: string; readonly key: string }) {
    const listener: RequestListener = async (request, response) => {
      const body = await text(request).catch(() => null);
      if (body === null) return; // the sender has gone away
      const headers = request.headers as Record<string, string>;
      const told = { path: request.url ?? '', id: headers['webhook-id'] ?? '' };
      try {
        const event = new Webhook(SECRET).verify(body, headers);
        this.told.push({ ...told, event });
        const status = this.answer({ ...told, event });
        if (this.retryAfter !== null) response.setHeader('retry-after', this.retryAfter);
        if (status !== null) response.writeHead(status).end();
      } catch (error) {
        this.forged.push(error);
        response.writeHead(400).end();
      }
    };
    this.#scheme = identity ? 'https' : 'http';
    this.#server = identity
      ? createSecure({ cert: identity.certificate, key: identity.key }, listener)
      : createPlain(listener);
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<this> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return this;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** The types that a call was told of, repeats left out. */
  typesOf(callId: string): string[] {
    const of = this.told.filter(({ event }) => event.call.id === callId);
    return [...new Map(of.map(({ id, event }) => [id, event.type])).values()];
  }
}
