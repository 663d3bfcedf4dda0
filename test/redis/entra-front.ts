import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createServer, type Server } from 'node:tls';
import type { RedisServer } from './redis-server.ts';
import { encodeCommand, takeCommands } from './resp.ts';

/** Until when these credentials are valid, in epoch ms; null: they are not. */
export type Verify = (username: string, password: string) => number | null;

/** No user of the real server has this password. */
const NOBODY = ['nobody', 'wrong'] as const;

/**
 * A real redis-server behind TLS that accepts tokens, as Azure Managed Redis does. While a token is
 * valid, it is a user of the real server. So the real server answers `AUTH` in its turn, and closes
 * each connection whose latest token has expired. It refuses CONFIG and ACL.
 */
export class EntraFront {
  readonly #redis: RedisServer;
  readonly #verify: Verify;
  readonly #server: Server;
  /** Token → the user of the real server. */
  readonly #users = new Map<string, Promise<string>>();
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** `AUTH`s and `HELLO`s that were refused. */
  refused = 0;

  constructor(redis: RedisServer, identity: { certificate: string; key: string }, verify: Verify) {
    this.#redis = redis;
    this.#verify = verify;
    const { certificate: cert, key } = identity;
    this.#server = createServer({ cert, key }, (near) => this.#join(near));
  }

  /** The server must run. From now on every new connection needs a token. */
  async start(): Promise<void> {
    await this.#redis.client.acl('SETUSER', 'default', 'resetpass', '>of-the-test');
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many tokens were accepted so far. */
  get tokens(): number {
    return this.#users.size;
  }

  /** The open connections, by the real server's list. */
  async connections(): Promise<{ id: string; name: string; user: string; age: number }[]> {
    const text = String(await this.#redis.client.client('LIST'));
    const field = (line: string, name: string) =>
      new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1] ?? '';
    return text
      .trim()
      .split('\n')
      .map((line) => ({
        id: field(line, 'id'),
        name: field(line, 'name'),
        user: field(line, 'user'),
        age: Number(field(line, 'age')),
      }))
      .filter(({ user }) => user.startsWith('token-'));
  }

  #join(near: Socket): void {
    const far = connect(this.#redis.port, '127.0.0.1');
    far.pipe(near);
    let before = Promise.resolve();
    let rest: Buffer = Buffer.alloc(0);
    near.on('data', (chunk: Buffer) => {
      const taken = takeCommands(Buffer.concat([rest, chunk]));
      rest = taken.rest;
      // One after another: the user must exist before its AUTH is passed on, and no command may
      // overtake another.
      before = before.then(async () => {
        for (const command of taken.commands) far.write(encodeCommand(await this.#admit(command)));
      });
    });
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
  }

  /** Translates a command for the real server. */
  async #admit(command: Buffer[]): Promise<Buffer[]> {
    const name = String(command[0]).toUpperCase();
    const at = name === 'AUTH' ? 1 : command.findIndex((word) => /^auth$/i.test(String(word))) + 1;
    if ((name !== 'AUTH' && name !== 'HELLO') || at === 0) return command;
    const words = command.slice(at, at + 2).map(String);
    const [username = '', password = ''] = words.length === 1 ? ['', ...words] : words;
    const access = (await this.#userOf(username, password)) ?? NOBODY;
    return [
      ...command.slice(0, at),
      ...access.map((word) => Buffer.from(word)),
      ...command.slice(at + 2),
    ];
  }

  async #userOf(username: string, password: string): Promise<readonly [string, string] | null> {
    const until = this.#verify(username, password);
    if (until === null || until <= Date.now()) {
      this.refused++;
      return null;
    }
    const known = this.#users.get(password) ?? this.#makeUser(until);
    this.#users.set(password, known);
    return [await known, 'in'];
  }

  async #makeUser(until: number): Promise<string> {
    const user = `token-${this.#users.size + 1}`;
    const { client } = this.#redis;
    await client.acl('SETUSER', user, 'on', '>in', '~*', '&*', '+@all', '-config', '-acl');
    // Deleting a user closes its connections.
    const expire = () => void client.acl('DELUSER', user).catch(() => undefined);
    this.#timers.add(setTimeout(expire, until - Date.now()));
    return user;
  }
}
