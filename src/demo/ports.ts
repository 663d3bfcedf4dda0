import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Free ports of the loopback address: the wanted ones, or others if they are in use. */
export async function freePorts<const T extends readonly number[]>(
  wanted: T,
): Promise<{ [I in keyof T]: number }> {
  const servers: Server[] = [];
  try {
    // Keeps all of them open until the last one is found, so that none is returned twice.
    for (const port of wanted) servers.push((await listen(port)) ?? (await listenAnywhere()));
    return servers.map(portOf) as { [I in keyof T]: number };
  } finally {
    await Promise.all(servers.map(close));
  }
}

async function listenAnywhere(): Promise<Server> {
  const server = await listen(0);
  if (server === null) throw new Error('no port of 127.0.0.1 is free');
  return server;
}

async function listen(port: number): Promise<Server | null> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return server;
  } catch {
    return null;
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address === 'object' && address !== null) return address.port;
  throw new Error('a server that listens has no port');
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  await closed;
}
