import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const A = 1;
const RESPONSE = 0x8180;
const NO_SUCH_NAME = 3;
const TTL_S = 1;
/** The length of the header, before the question's name (RFC 1035, 4.1.1). */
const HEADER = 12;

/** Answers for one name with IPv4 addresses, as Docker's name server does for a service. */
export class NameServer {
  readonly #socket: Socket = createSocket('udp4');
  readonly #name: string;
  #addresses: readonly string[];

  constructor(name: string, addresses: readonly string[]) {
    this.#name = name;
    this.#addresses = addresses;
    this.#socket.on('message', (query, { port, address }) => {
      this.#socket.send(this.#answer(query), port, address);
    });
  }

  /** @returns the port, on 127.0.0.1 */
  async start(): Promise<number> {
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    return this.#socket.address().port;
  }

  change(addresses: readonly string[]): void {
    this.#addresses = addresses;
  }

  stop(): void {
    this.#socket.close();
  }

  #answer(query: Buffer): Buffer {
    const nameEnd = query.indexOf(0, HEADER) + 1;
    const question = query.subarray(HEADER, nameEnd + 4);
    const isKnown = query.toString('latin1', HEADER + 1, nameEnd - 1) === this.#name;
    const addresses = isKnown && query.readUInt16BE(nameEnd) === A ? this.#addresses : [];
    const header = Buffer.alloc(HEADER);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(RESPONSE | (isKnown ? 0 : NO_SUCH_NAME), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(addresses.length, 6);
    return Buffer.concat([header, question, ...addresses.map(recordOf)]);
  }
}

/** The name by a pointer to the question; then type A, class IN, TTL and the address. */
function recordOf(address: string): Buffer {
  return Buffer.from([
    0xc0,
    HEADER,
    0,
    A,
    0,
    1,
    0,
    0,
    0,
    TTL_S,
    0,
    4,
    ...address.split('.').map(Number),
  ]);
}
