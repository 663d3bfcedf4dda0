// `npm run picture`: docs/board.png, as the board is now, over a world with some calls that fail.
import { World } from '../process/world.ts';
import { RedisServer } from '../redis/redis-server.ts';
import { launch } from './browser.ts';

const FILE = new URL('../../docs/board.png', import.meta.url);
const CALLS = 900;
const FAILING = 7;
const INTERVAL_MS = 20_000;
/** Some calls are as near to their deadlines as they come: the wheel has turned once. */
const HAS_TURNED = '#margins .numbers text:nth-child(11):not(:empty)';

await using started = new AsyncDisposableStack();
const redis = new RedisServer();
started.defer(() => redis.stop());
await redis.start();
const world = new World({ deadlineMs: 3 * INTERVAL_MS });
started.defer(() => world.stop());
await world.start();
const env = { REDIS_URL: redis.url, KEEPALIVE_INTERVAL: '20s', KEEPALIVE_DEADLINE: '60s' };
const [replica] = await Promise.all([world.replica(env).ready(), world.replica(env).ready()]);

const ids = Array.from({ length: CALLS }, () => world.simulator.createCall());
const calls = ids.map((id, i) => ({ id, labels: { room: `${1 + (i % 40)}` } }));
await replica.request('POST', '/calls/track', { calls });
const callIds = ids.slice(0, FAILING);
world.simulator.graphFaults.set({ kind: 'status', status: 503, callIds });

const browser = await launch();
started.defer(() => browser.close());
const page = await browser.newPage({ viewport: { width: 1180, height: 760 } });
await page.goto(replica.url);
await page.getByText(`${FAILING} failing`).waitFor();
await page.locator(HAS_TURNED).waitFor();
await page.screenshot({ path: FILE.pathname });
