// `npm run picture`: docs/board.png, the board of two replicas at 15 and 45 minutes, some minutes
// after Graph has begun to answer 500 to everything. It takes about three minutes.
import { World } from '../process/world.ts';
import { RedisServer } from '../redis/redis-server.ts';
import { launch } from './browser.ts';

const FILE = new URL('../../docs/board.png', import.meta.url);
const CALLS = 5_032;
/** The limit of the API. */
const BATCH = 500;
/** They began so long ago that they are lost within a minute. */
const LOST = 12;
const STARTED_AGO_MS = 44 * 60_000;
const OUTAGE_MS = 75_000;

await using started = new AsyncDisposableStack();
const redis = new RedisServer();
started.defer(() => redis.stop());
await redis.start();
const world = new World({ deadlineMs: 45 * 60_000 });
started.defer(() => world.stop());
await world.start();
const env = { REDIS_URL: redis.url, KEEPALIVE_INTERVAL: '15m', KEEPALIVE_DEADLINE: '45m' };
const [replica] = await Promise.all([world.replica(env).ready(), world.replica(env).ready()]);

const ids = Array.from({ length: CALLS }, () => world.simulator.createCall());
const startedAt = new Date(Date.now() - STARTED_AGO_MS).toISOString();
const error = (code: string, message: string) => JSON.stringify({ error: { code, message } });
const body = error('Forbidden', 'Insufficient privileges to complete the operation.');
world.simulator.graphFaults.set({ kind: 'status', status: 403, body, callIds: ids.slice(0, LOST) });
for (let from = 0; from < CALLS; from += BATCH) {
  const calls = ids.slice(from, from + BATCH).map((id, i) => ({
    id,
    labels: { room: `${1 + (i % 40)}` },
    ...(from + i < LOST ? { startedAt } : {}),
  }));
  await replica.request('POST', '/calls/track', { calls });
}

const browser = await launch();
started.defer(() => browser.close());
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
page.setDefaultTimeout(10 * 60_000);
await page.goto(replica.url);
await page.getByText(`${LOST} calls were lost`).waitFor();
const outage = error('InternalServerError', 'An internal server error occurred.');
world.simulator.graphFaults.clear();
world.simulator.graphFaults.set({ kind: 'status', status: 500, body: outage });
await page.getByText('to everything since').waitFor();
await page.waitForTimeout(OUTAGE_MS);
await page.screenshot({ path: FILE.pathname });
