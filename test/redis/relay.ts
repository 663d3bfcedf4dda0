import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A port of loopback; to Redis, connections through it come from another host. */
export async function aRelayFromAfar(port: number): Promise<number> {
  const relay = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  onTestFinished(() => void relay.close());
  return (relay.address() as AddressInfo).port;
}

/** A relay that drops one answer, or one command, and closes the connection. */
export async function aLossyRelay(port: number) {
  let loses: 'answer' | 'command' | null = null;
  const relay = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port });
    const end = () => {
      near.destroy();
      far.destroy();
    };
    const pass = (from: Socket, to: Socket, what: typeof loses) => {
      from.on('error', end).on('close', end);
      from.on('data', (data) => {
        if (loses !== what) return void to.write(data);
        loses = null;
        end();
      });
    };
    pass(near, far, 'command');
    pass(far, near, 'answer');
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  onTestFinished(() => void relay.close());
  const { port: nearPort } = relay.address() as AddressInfo;
  const lose = (what: 'answer' | 'command') => {
    loses = what;
  };
  return { url: `redis://127.0.0.1:${nearPort}`, lose };
}
