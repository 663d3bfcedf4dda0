import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../free-port.ts';
import { procStat } from '../proc.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { cli, startCli, startInTerminal } from './cli.ts';

/** A terminal's own page, without cursor and wrapping; and the way back. */
const TAKEN = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const GIVEN_BACK = '\x1b[?7h\x1b[?25h\x1b[?1049l';

const redis = redisForFile();
const world = new World({ deadlineMs: 60_000 });
beforeAll(() => world.start());
afterAll(() => world.stop());

/** On a port that it comes back to. */
async function aReplica(port?: number) {
  const PORT = String(port ?? (await freePort()));
  const replica = world.replica({ REDIS_URL: redis.url, PORT });
  await replica.ready();
  return { replica, port: Number(PORT), env: { CALLKEEPER_URL: replica.url } };
}

test('each event gets a line, also after a daemon goes and comes back, and none is missed', async () => {
  const first = await aReplica();
  const watch = startCli(['watch', '--label', 'seen=yes'], first.env);
  await watch.told(/ {2}ready {2}\d+ tracked/);
  const ids = [1, 2].map(() => world.simulator.createCall());
  await cli(['track', ids[0] as string, '--label', 'seen=yes'], first.env);
  await watch.told(new RegExp(`call\\.tracked +${ids[0]} +default +seen=yes`));
  await first.replica.stop();
  await watch.told(/not reachable: .*ECONNREFUSED/);
  // What happens while it is away, by another replica, comes when it is back.
  const other = await aReplica();
  await cli(['track', ids[1] as string, '--label', 'seen=yes'], other.env);
  await aReplica(first.port);
  await watch.told(new RegExp(`call\\.tracked +${ids[1]}`));
  await watch.told(/not reachable(.|\n)* {2}ready/);
  await cli(['untrack', ids[0] as string], other.env);
  await watch.told(new RegExp(`call\\.untracked +${ids[0]}`));
  watch.child.kill('SIGINT');
  const { code, stdout, stderr } = await watch.ended;
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).not.toContain('\x1b');
});

test('a line and the page of a terminal say that Redis is out, and a line says that it is back', async () => {
  const { replica, env } = await aReplica();
  const watch = startCli(['watch'], env);
  const page = startInTerminal(['watch'], { ...env, NO_COLOR: '1' });
  await watch.told(/ {2}ready {2}/);
  await page.told(/Latest events/);
  await redis.kill();
  await watch.told(
    /not ready: Redis is out: nothing listens there: 127\.0\.0\.1:\d+ \(ECONNREFUSED\)/,
  );
  await watch.told(/Z {2}critical {8}Redis is out since \d\d:\d\d UTC: nothing listens there/);
  await page.told(
    /What is wrong[\s\S]*critical {2}Redis is out since \d\d:\d\d UTC: nothing listens/,
  );
  await redis.restart();
  await watch.told(/Redis is out(.|\n)* {2}ready {2}/);
  page.child.stdin?.write('\x03');
  expect((await page.ended).code).toBe(0);
  watch.child.kill('SIGTERM');
  expect((await watch.ended).code).toBe(0);
  await replica.stop();
});

test('a terminal gets a page, and is given back at Ctrl-C', async () => {
  const { replica, env } = await aReplica();
  const id = world.simulator.createCall();
  await cli(['track', id, '--label', 'room=board'], env);
  const watch = startInTerminal(['watch'], env);
  await watch.told(TAKEN);
  await watch.told(new RegExp(`Nearest to their deadlines[^]*${id} +(1m)?\\d+s +0`));
  await cli(['untrack', id], env);
  await watch.told(new RegExp(`Latest events[^]*call\\.untracked +${id}`));
  // Ctrl-Z. The terminal itself stops with the page, perhaps before it has passed on its last.
  watch.child.stdin?.write('\x1a');
  await expect.poll(() => procStat(watch.child.pid as number)?.state).toBe('T');
  // `fg`.
  watch.child.kill('SIGCONT');
  const pages = () => watch.stdout.split(TAKEN).slice(1);
  await expect.poll(() => pages()[1]).toContain('Latest events');
  // It was given back to the shell, and nothing was drawn there.
  const [, between] = pages()[0]?.split(GIVEN_BACK) ?? [];
  expect(between).toBeDefined();
  expect(between).not.toContain('\x1b[H');
  watch.child.stdin?.write('\x03');
  const { code, stdout } = await watch.ended;
  expect(code).toBe(0);
  expect(stdout.trimEnd().endsWith(GIVEN_BACK)).toBe(true);
  await replica.stop();
});

test('a terminal gets no colours with NO_COLOR, and lines with --plain', async () => {
  const { replica, env } = await aReplica();
  const watch = startInTerminal(['watch', '--plain'], { ...env, NO_COLOR: '1' });
  await watch.told(/ {2}ready {2}\d+ tracked/);
  watch.child.stdin?.write('\x03');
  const { code, stdout } = await watch.ended;
  expect(code).toBe(0);
  expect(stdout).not.toContain('\x1b');
  const coloured = startInTerminal(['watch', '--plain'], { ...env, TERM: 'xterm' });
  await coloured.told('\x1b[32mready');
  coloured.child.stdin?.write('\x03');
  await coloured.ended;
  await replica.stop();
});

test('without a key it ends at once, and says so', async () => {
  const replica = world.replica({ REDIS_URL: redis.url, API_KEYS: 'k'.repeat(24) });
  await replica.ready();
  const watch = startCli(['watch'], { CALLKEEPER_URL: replica.url });
  const { code, stderr } = await watch.ended;
  expect([code, stderr]).toEqual([4, expect.stringContaining('CALLKEEPER_API_KEY')]);
  await replica.stop();
});
