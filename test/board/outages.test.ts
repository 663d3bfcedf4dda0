import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../free-port.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { browserForFile } from './browser.ts';

const redis = redisForFile();
const browser = browserForFile();
const SLOW = { timeout: 180_000 };

async function aWorld(): Promise<World> {
  const world = new World();
  onTestFinished(() => world.stop());
  return world.start();
}

test('the board shows that Redis goes away and comes back', SLOW, async () => {
  const world = await aWorld();
  const replica = await world.replica({ REDIS_URL: redis.url }).ready();
  const other = await world.replica({ REDIS_URL: redis.url }).ready();
  const id = world.simulator.createCall();
  await replica.request('POST', `/calls/${id}/track`);
  const page = await browser.open(replica.url);
  const replicas = page.locator('#replicas tr');
  await replicas.nth(1).waitFor();
  expect(await replicas.count()).toBe(2);

  await redis.kill();
  await page
    .getByText(
      /^Redis is out since [\d:]+: nothing listens there: .*\(ECONNREFUSED\)\. This replica keeps 1 call alive from memory\.$/,
    )
    .waitFor();
  expect(await page.locator('#state').textContent()).toBe('Redis is out');
  await replicas.nth(1).waitFor({ state: 'detached' });
  await page.getByText('While Redis is out, the other replicas are not shown.').waitFor();
  await page.getByText('Redis is out: events come when it is back.').waitFor();
  // It goes on: the call is there, and what is tracked now is as well.
  const late = world.simulator.createCall();
  expect((await replica.request('POST', `/calls/${late}/track`)).status).toBe(202);
  await page.getByText(/This replica keeps 2 calls alive from memory\./).waitFor();

  await redis.restart();
  await expect.poll(() => page.locator('#troubles li').count()).toBe(0);
  await page.getByText('All well').waitFor();
  // The events continue: this one was published once Redis had the call.
  await page.locator('#events li').filter({ hasText: late }).waitFor();
  await replicas.nth(1).waitFor();
  other.signal('SIGKILL');
  await other.exit();
  const gone = /^The replica \S+ went away at [\d:]+ without being stopped\. One is left/;
  await page.locator('#troubles li[data-severity="warning"]').getByText(gone).waitFor();
  await replicas.nth(1).getByText('gone since').waitFor();
  // A page that is opened afterwards says so too, and what else has happened.
  const opened = await browser.open(replica.url);
  await opened.getByText(gone).waitFor();
  await opened
    .locator('#incidents')
    .getByText(/^Redis was out: nothing listens there/)
    .waitFor();
  await opened
    .locator('#incidents')
    .getByText(/^The replica \S+ went away/)
    .waitFor();
  expect(await opened.locator('#state').textContent()).toBe('A replica is gone');
});

test('the board shows that its replica dies and comes back', SLOW, async () => {
  await redis.flush();
  const world = await aWorld();
  const env = { REDIS_URL: redis.url, PORT: String(await freePort()) };
  const replica = await world.replica(env).ready();
  const other = await world.replica({ REDIS_URL: redis.url }).ready();
  const id = world.simulator.createCall();
  await replica.request('POST', `/calls/${id}/track`);
  const page = await browser.open(replica.url);
  const eventOf = (call: string) => page.locator('#events li').filter({ hasText: call });
  await eventOf(id).waitFor();

  const resumed: string[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/events')) resumed.push(request.headers()['last-event-id'] ?? '');
  });
  replica.signal('SIGKILL');
  await replica.exit();
  await page
    .getByText(/^No answer\. The last one came at .*: this is how it was then\. Trying again\.$/)
    .waitFor();
  expect(await page.locator('#state').textContent()).toBe('No answer');
  expect(await page.locator('#count-tracked').textContent()).toBe('1');
  await page.locator('.hand').waitFor({ state: 'hidden' });

  // What happens meanwhile is shown afterwards.
  const meanwhile = world.simulator.createCall();
  await other.request('POST', `/calls/${meanwhile}/track`);
  await world.replica(env).ready();
  await expect.poll(() => page.locator('.notice').count()).toBe(0);
  // The new replica takes the place of the one that died, which is not forgotten.
  await page.getByText('All well').waitFor();
  await page
    .locator('#incidents')
    .getByText(/^The replica \S+ went away/)
    .waitFor();
  await eventOf(meanwhile).waitFor();
  // It asked for what came after the last event that it had.
  const { body } = await other.request('GET', `/calls/${id}`);
  const [ms = 0] = (resumed.at(-1) ?? '').split('-').map(Number);
  expect(ms).toBeGreaterThanOrEqual(Date.parse(body.trackedAt));
  expect(await eventOf(id).count()).toBe(1);
});
