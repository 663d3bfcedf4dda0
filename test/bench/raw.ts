/**
 * The fastest that undici can be: one request after the other on each connection, with constant
 * headers, no timers, and answers that nobody reads.
 */
import { type Dispatcher, Pool } from 'undici';
import { TOKEN } from './peers/keep-alive.ts';
import { type Due, readPlan } from './peers/plan.ts';
import { serve } from './rpc.ts';

const { graphUrl, calls } = readPlan();
const { origin, pathname } = new URL(`${graphUrl}/communications/calls/`);
const CONNECTIONS = 64;
const pool = new Pool(origin, { connections: CONNECTIONS, allowH2: false });
const request: Dispatcher.DispatchOptions = {
  method: 'POST',
  origin,
  path: `${pathname}2e1a0b00-2db4-4022-9570-243709c565ab/keepAlive`,
  headers: {
    authorization: `Bearer ${TOKEN}`,
    'client-request-id': '9a1de0c7-52f4-4cc4-a3a5-b5b4b5ad2a10',
    'content-length': '0',
    'user-agent': 'callkeeper/0.0.0',
  },
};

serve({
  /** Sends one request per call at each instant. */
  arm: ({ firstAt, everyMs }: Due) => {
    const burst = (at: number) => {
      let left = calls;
      const next = () => {
        if (left-- > 0) pool.dispatch(request, handler);
      };
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart: () => undefined,
        onResponseStart: () => undefined,
        onResponseData: () => undefined,
        onResponseEnd: next,
        onResponseError: (_, error) => {
          throw error;
        },
      };
      for (let i = 0; i < CONNECTIONS; i++) next();
      wait(at + everyMs);
    };
    const wait = (at: number) => void setTimeout(() => burst(at), at - Date.now());
    wait(firstAt);
  },
});
