import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Fields, fieldsOf, messages, text } from './protobuf.ts';

/** A received span, ids in hex. */
export interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** '' for the root of a trace. */
  readonly parentId: string;
  /** Only those whose values are strings. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** The service that made it. */
  readonly service: string;
}

/** Receives OTLP over HTTP, as a collector does, and keeps the spans. */
export class Collector {
  readonly spans: Span[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer(async (request, response) => {
      const chunks = await request.toArray().catch(() => null);
      if (chunks === null) return; // the replica has gone away
      const isOtlp = request.url === '/v1/traces' && request.method === 'POST';
      if (isOtlp) this.spans.push(...spansOf(Buffer.concat(chunks)));
      response.writeHead(isOtlp ? 200 : 404, { 'content-type': 'application/x-protobuf' }).end();
    });
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  named(name: string): Span[] {
    return this.spans.filter((span) => span.name === name);
  }
}

/** https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto */
function spansOf(body: Buffer): Span[] {
  return messages(fieldsOf(body), 1).flatMap((resourceSpans) => {
    const [resource] = messages(resourceSpans, 1);
    const service = resource ? (attributesOf(resource, 1)['service.name'] ?? '') : '';
    return messages(resourceSpans, 2).flatMap((scopeSpans) =>
      messages(scopeSpans, 2).map((span) => toSpan(span, service)),
    );
  });
}

function toSpan(fields: Fields, service: string): Span {
  return {
    name: text(fields, 5),
    traceId: hex(fields, 1),
    spanId: hex(fields, 2),
    parentId: hex(fields, 4),
    attributes: attributesOf(fields, 9),
    links: messages(fields, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
    service,
  };
}

function attributesOf(fields: Fields, number: number): Record<string, string> {
  return Object.fromEntries(
    messages(fields, number).map((pair) => [
      text(pair, 1),
      messages(pair, 2)
        .map((value) => text(value, 1))
        .join(),
    ]),
  );
}

function hex(fields: Fields, number: number): string {
  return fields.get(number)?.[0]?.toString('hex') ?? '';
}
