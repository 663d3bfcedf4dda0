import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** A connection between a replica and a port of loopback that can be cut, held or slowed down. */
export class Link {
  readonly #farPort: number;
  readonly #pairs = new Set<Pair>();
  #server: Server | null = null;
  #port = 0;
  #held = false;
  #delayMs = 0;

  private constructor(farPort: number) {
    this.#farPort = farPort;
  }

  static async to(port: number): Promise<Link> {
    const link = new Link(port);
    await link.accept();
    return link;
  }

  get port(): number {
    return this.#port;
  }

  /** Destroys the open connections; new ones work. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
  }

  /** Connections stay open and new ones are accepted, but nothing comes through. */
  hold(): void {
    this.#held = true;
    for (const { near, far } of this.#pairs) {
      near.pause();
      far.pause();
    }
  }

  /** Delivers what was held, and works again. */
  release(): void {
    this.#held = false;
    for (const { near, far } of this.#pairs) {
      near.resume();
      far.resume();
    }
  }

  /** Sends text to the near end, as if from the far end. */
  inject(text: string): void {
    for (const { near } of this.#pairs) near.write(text);
  }

  /** Delays everything by this, in both directions. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Refuses connections. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    const closed = once(server, 'close');
    server.close();
    this.cut();
    await closed;
  }

  async accept(): Promise<void> {
    if (this.#server) return;
    const server = createServer((near) => this.#join(near));
    this.#server = server;
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
  }

  #join(near: Socket): void {
    const far = connect(this.#farPort, '127.0.0.1');
    const pair = { near, far };
    this.#pairs.add(pair);
    this.#carry(near, far);
    this.#carry(far, near);
    for (const socket of [near, far]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        near.destroy();
        far.destroy();
        this.#pairs.delete(pair);
      });
    }
    if (this.#held) {
      near.pause();
      far.pause();
    }
  }

  /** Keeps the order even if the delay changes meanwhile. */
  #carry(from: Socket, to: Socket): void {
    let before = Promise.resolve();
    from.on('data', (chunk) => {
      const delay = this.#delayMs > 0 ? sleep(this.#delayMs) : null;
      before = before.then(async () => {
        await delay;
        to.write(chunk);
      });
    });
  }
}
