import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
}

type Reply = (response: ServerResponse, asked: Asked) => void;

/**
 * A machine's endpoint for tokens of managed identities, in the form that App Service and IMDS
 * share. A token is `machine.RESOURCE.IDENTITY.NUMBER`.
 */
export class Machine {
  readonly asked: Asked[] = [];
  /** The next answers, one per request; after them it issues tokens again. */
  readonly replies: Reply[] = [];
  lifetimeMs = 86_400_000;
  /** Issues other tokens, for an identity, until an instant in epoch ms. */
  mint: ((id: string, expiresAt: number) => string) | null = null;
  readonly #server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://machine');
    const query = Object.fromEntries(searchParams);
    const asked = { path: pathname, query, headers: request.headers };
    this.asked.push(asked);
    const reply = this.replies.shift() ?? this.#token;
    reply(response, asked);
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  readonly #token: Reply = (response, { query }) => {
    const id = query.client_id ?? query.object_id ?? query.mi_res_id ?? query.msi_res_id;
    const expiresAt = Date.now() + this.lifetimeMs;
    const plain = `machine.${query.resource}.${id ?? 'system'}.${this.asked.length}`;
    json(response, 200, {
      access_token: this.mint?.(id ?? 'system', expiresAt) ?? plain,
      expires_on: String(Math.floor(expiresAt / 1000)),
      resource: query.resource,
      token_type: 'Bearer',
    });
  };
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
