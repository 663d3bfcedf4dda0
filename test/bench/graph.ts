/**
 * A stand-in for Graph: answers every request with the same 200 over keep-alive connections, and
 * records when it came. It does as little as possible, so that the bench measures the clients. It
 * speaks plain HTTP, which the daemon allows on loopback, because TLS would cost every client the
 * same.
 */
import { createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { slotOf, turnAtOrBefore, type Wheel } from '../../src/calls/wheel.ts';
import { spreadOf } from './measure/statistics.ts';
import { serve } from './rpc.ts';

/** The headers of Graph's answer to a keepAlive, at their usual length. */
const ANSWER = Buffer.from(
  [
    'HTTP/1.1 200 OK',
    'Content-Length: 0',
    'request-id: 6c2b6ef1-8a36-4cbf-9d0c-1d1f3b6a2c11',
    'client-request-id: 9a1de0c7-52f4-4cc4-a3a5-b5b4b5ad2a10',
    'x-ms-ags-diagnostic: {"ServerInfo":{"DataCenter":"West Europe","Slice":"E","Ring":"5"}}',
    'Date: Tue, 03 Feb 2026 04:05:06 GMT',
    '\r\n',
  ].join('\r\n'),
);
const END = '\r\n\r\n';
const ID = /\/calls\/([^/]+)\/keepAlive/;

/** When each request since the last `reset` came, epoch ms. */
let times = new Float64Array(1 << 16);
/** How late each request was for its slot's turn, in ms; null: no wheel is watched. */
let lateness: Float64Array | null = null;
let wheel: Wheel | null = null;
let count = 0;

function note(request: Buffer): void {
  if (count === times.length) {
    times = grown(times);
    lateness &&= grown(lateness);
  }
  const now = performance.timeOrigin + performance.now();
  times[count] = now;
  if (wheel && lateness) {
    const id = ID.exec(request.toString('latin1', 0, 200))?.[1] ?? '';
    lateness[count] = now - turnAtOrBefore(slotOf(id, wheel), Math.floor(now), wheel);
  }
  count++;
}

function grown(values: Float64Array): Float64Array<ArrayBuffer> {
  const more = new Float64Array(2 * values.length);
  more.set(values);
  return more;
}

const server = createServer({ noDelay: true }, (socket: Socket) => {
  let rest: Buffer | null = null;
  socket.on('error', () => undefined); // a client that was ended in the middle
  socket.on('data', (chunk: Buffer) => {
    const data: Buffer = rest ? Buffer.concat([rest, chunk]) : chunk;
    let from = 0;
    for (let end = data.indexOf(END); end >= 0; end = data.indexOf(END, from)) {
      note(wheel ? data.subarray(from, end) : data);
      from = end + END.length;
      socket.write(ANSWER);
    }
    rest = from < data.length ? data.subarray(from) : null;
  });
});
await new Promise<void>((done) => server.listen(0, '127.0.0.1', 4_096, done));

serve({
  port: () => (server.address() as { port: number }).port,
  reset: (watched: Wheel | null) => {
    count = 0;
    wheel = watched;
    lateness = watched && new Float64Array(times.length);
  },
  count: () => count,
  /**
   * Resolves with the number of requests since `reset`: when it reaches `wanted`, or after
   * `withinMs`.
   */
  reach: async ({ wanted, withinMs }: { wanted: number; withinMs: number }) => {
    const until = performance.now() + withinMs;
    while (count < wanted && performance.now() < until) await sleep(10);
    return count;
  },
  /**
   * When the last of the first `first` requests came, and how late all of them were for the instant
   * `at`.
   */
  since: ({ at, first }: { at: number; first: number }) => {
    const seen = times.subarray(0, Math.min(first, count));
    return { lastAt: seen.at(-1) ?? Number.NaN, ...spreadOf(seen.map((time) => time - at)) };
  },
  turnLateness: () => spreadOf((lateness ?? times).subarray(0, count)),
});
