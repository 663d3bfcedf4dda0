import { createServer as createPlain, type RequestListener } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

export const SECRET = `whsec_${Buffer.from('s'.repeat(32)).toString('base64')}`;

export interface Told {
  readonly path: string;
  /** Of the header. */
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: what an event holds is what the test asserts
  readonly event: any;
}

/** Receives and verifies webhooks. */
export class Receiver {
  /** The verified requests, in order. */
  readonly told: Told[] = [];
  /** The bodies of the others. */
  readonly forged: unknown[] = [];
  /** The status for a request; null: it is never answered. */
  answer: (told: Told) => number | null = () => 204;
  /** The `Retry-After` of each answer, in seconds; null: none. */
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

  /** The types of a call's events, without repeats. */
  typesOf(callId: string): string[] {
    const of = this.told.filter(({ event }) => event.call.id === callId);
    return [...new Map(of.map(({ id, event }) => [id, event.type])).values()];
  }
}
