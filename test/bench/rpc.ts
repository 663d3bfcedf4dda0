import type { ChildProcess } from 'node:child_process';

// Requests between the processes of the bench, over Node's IPC channel.

interface Ask {
  readonly id: number;
  readonly name: string;
  readonly arg: unknown;
}

type Reply = { readonly id: number; readonly result?: unknown; readonly error?: string };

// biome-ignore lint/suspicious/noExplicitAny: each handler knows what it is asked with
export type Handlers = Readonly<Record<string, (arg: any) => unknown>>;

/** The handlers by name. */
const known = new Map<string, Handlers[string]>();
const waiting = new Map<string, Ask[]>();

/**
 * Answers the parent's requests by name, including those that came while modules were loading.
 * Keeps the process alive.
 */
export function serve(handlers: Handlers): void {
  if (known.size === 0) process.on('message', (message) => void take(message as Ask));
  process.channel?.ref();
  for (const [name, handler] of Object.entries(handlers)) {
    known.set(name, handler);
    for (const message of waiting.get(name) ?? []) void take(message);
    waiting.delete(name);
  }
}

async function take(message: Ask): Promise<void> {
  const { id, name, arg } = message;
  const handler = known.get(name);
  if (!handler) {
    waiting.set(name, [...(waiting.get(name) ?? []), message]);
    return;
  }
  let reply: Reply;
  try {
    reply = { id, result: await handler(arg) };
  } catch (error) {
    reply = { id, error: error instanceof Error ? (error.stack ?? error.message) : `${error}` };
  }
  if (process.connected) process.send?.(reply);
}

let asked = 0;

/** Rejects if the child fails, or ends before it has answered. */
export function ask<T>(child: ChildProcess, name: string, arg?: unknown): Promise<T> {
  const id = ++asked;
  return new Promise<T>((resolve, reject) => {
    const onMessage = (message: unknown) => {
      const reply = message as Reply;
      if (reply.id !== id) return;
      settle();
      if (reply.error === undefined) resolve(reply.result as T);
      else reject(new Error(`${name}: ${reply.error}`));
    };
    const onExit = () => {
      settle();
      reject(new Error(`${name}: the process ended`));
    };
    const settle = () => {
      child.off('message', onMessage);
      child.off('exit', onExit);
    };
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.send({ id, name, arg }, (error) => {
      if (!error) return;
      settle();
      reject(error);
    });
  });
}
