import { isCluster, type RedisClient } from './connection.ts';

/** A command by its name, or a script by ours, and its arguments. */
export type Command = readonly [name: CommandName, ...args: (string | number)[]];
type CommandName = 'hget' | 'hsetnx' | 'zadd' | 'writeCalls';

export type Reply = [error: Error | null, value: unknown];

/**
 * Sends all commands at once and resolves with their replies, in order; each may
 * fail by itself. In a Cluster it uses no pipeline: while the hash slot moves, a
 * node redirects some commands to another node, and ioredis can follow only if
 * the whole pipeline is redirected.
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
