import { isCluster, type RedisClient } from './connection.ts';

/** A command by its name, or a script by ours, and its arguments. */
export type Command = readonly [name: CommandName, ...args: (string | number)[]];
type CommandName = 'hsetnx' | 'zadd';

export type Reply = [error: Error | null, value: unknown];

/**
 * Sends all at once and resolves with a reply for each, in order. In a Cluster
 * each command is sent by itself: while the slot moves, a node refers some of
 * them to another, and ioredis can follow that only for a whole pipeline. A
 * command that fails does so alone.
 */
export async function sendEach(redis: RedisClient, commands: readonly Command[]): Promise<Reply[]> {
  if (commands.length > 1 && !isCluster(redis)) {
    return (await redis.pipeline(commands as unknown as unknown[][]).exec()) ?? [];
  }
  return Promise.all(commands.map((command) => sendOne(redis, command)));
}

type Send = (...args: (string | number)[]) => Promise<unknown>;

async function sendOne(redis: RedisClient, [name, ...args]: Command): Promise<Reply> {
  try {
    return [null, await (redis[name] as Send)(...args)];
  } catch (error) {
    return [error as Error, null];
  }
}
