import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { freePorts } from '../../src/demo/ports.ts';

test('returns the requested ports, or others if they are in use', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as { port: number };
  const [own] = await freePorts([0]);

  const [first, second, third] = await freePorts([own, port, port]);
  expect(first).toBe(own);
  expect(new Set([port, first, second, third]).size).toBe(4);
});

test('returns ports that are free', async () => {
  const [port] = await freePorts([0]);
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
});
