import type { Redis } from 'ioredis';

/** A larger write gets its own system call at once. In bytes. */
const LARGE_WRITE = 4_096;

/**
 * Sends small commands of one turn of the event loop in one write. ioredis makes a system call for
 * each, which costs more than the command itself.
 */
export function writeTogether(redis: Redis): void {
  redis.on('connect', () => {
    const { stream } = redis;
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
      if (chunk.length >= LARGE_WRITE) {
        stream.uncork();
      } else if (stream.writableCorked === 0) {
        stream.cork();
        setImmediate(() => stream.uncork());
      }
      return write(chunk, ...rest);
    }) as typeof stream.write;
  });
}
