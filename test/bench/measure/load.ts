import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type Spread, spreadOf } from './statistics.ts';

export interface Request {
  readonly method: string;
  readonly path: string;
  /** JSON, or '' for none. */
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  /** Seconds, where the answer has it. */
  readonly retryAfter: number | null;
}

/** What a load has come to. Latencies in ms. */
export interface LoadResult {
  readonly requests: number;
  readonly elapsedMs: number;
  readonly perSecond: number;
  readonly latency: Spread;
  /** How many answers of each status. */
  readonly statuses: Readonly<Record<number, number>>;
}

const HEAD_END = '\r\n\r\n';

/**
 * One connection that asks one thing at a time, on a plain socket: as little as a
 * client can do, so that it is the server that is measured.
 */
export class Client {
  readonly #socket: Socket;
  readonly #host: string;
  #data: Buffer = Buffer.alloc(0);
  #answered: { resolve(answer: Answer): void; reject(error: Error): void } | null = null;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#answered?.reject(error));
    socket.on('close', () => this.#answered?.reject(new Error('the server closed a connection')));
  }

  static async open(url: string): Promise<Client> {
    const { hostname, port, host } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    return new Client(socket, host);
  }

  send({ method, path, body, headers = {} }: Request): Promise<Answer> {
    const lines = [`${method} ${path} HTTP/1.1`, `host: ${this.#host}`];
    if (body !== '') {
      lines.push('content-type: application/json', `content-length: ${Buffer.byteLength(body)}`);
    }
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    return new Promise((resolve, reject) => {
      this.#answered = { resolve, reject };
      this.#socket.write(`${lines.join('\r\n')}${HEAD_END}${body}`);
    });
  }

  close(): void {
    this.#answered = null;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#data = this.#data.length === 0 ? chunk : Buffer.concat([this.#data, chunk]);
    const end = this.#data.indexOf(HEAD_END);
    if (end < 0) return;
    const head = this.#data.toString('latin1', 0, end).toLowerCase();
    const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
    if (this.#data.length < end + HEAD_END.length + length) return;
    this.#data = Buffer.alloc(0);
    const retryAfter = /\r\nretry-after: *(\d+)/.exec(head)?.[1];
    const answered = this.#answered;
    this.#answered = null;
    answered?.resolve({
      status: Number(head.slice(9, 12)),
      retryAfter: retryAfter === undefined ? null : Number(retryAfter),
    });
  }
}

/** Sends requests over so many connections, each as soon as the one before is answered, until there are no more. */
export async function load(
  url: string,
  connections: number,
  requests: Iterator<Request>,
): Promise<LoadResult> {
  const clients = await Promise.all(Array.from({ length: connections }, () => Client.open(url)));
  const latencies: number[] = [];
  const statuses: Record<number, number> = {};
  const startedAt = performance.now();
  try {
    await Promise.all(
      clients.map(async (client) => {
        for (let next = requests.next(); !next.done; next = requests.next()) {
          const sentAt = performance.now();
          const { status } = await client.send(next.value);
          latencies.push(performance.now() - sentAt);
          statuses[status] = (statuses[status] ?? 0) + 1;
        }
      }),
    );
  } finally {
    for (const client of clients) client.close();
  }
  const elapsedMs = performance.now() - startedAt;
  return {
    requests: latencies.length,
    elapsedMs,
    perSecond: (1_000 * latencies.length) / elapsedMs,
    latency: spreadOf(latencies),
    statuses,
  };
}
