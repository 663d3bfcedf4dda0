import { beforeAll, expect, test } from 'vitest';
import type { Owner } from '../../src/client/index.ts';
import { cli, startCli, startInTerminal } from './cli.ts';
import { KEY, READ_KEY, Service } from './service.ts';

/** The shortest lease that is allowed. */
const LEASE_S = 10;

const service = new Service({ OWNER_GRACE: '15s' });
const { world } = service;
let env: Record<string, string>;
beforeAll(() => {
  env = service.env;
});

const aCall = () => world.simulator.createCall();
const renew = (owner: string, leaseSeconds: number) => {
  const headers = { authorization: `Bearer ${KEY}` };
  return service.replica.request('PUT', `/owners/${owner}`, { leaseSeconds }, headers);
};
const ids = (text: string) => text.match(/^\S+(?= )/gm);
const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Owner);

test('an owner of calls is named, listed, shown and dropped', async () => {
  const [one, two, other] = [aCall(), aCall(), aCall()];
  await renew('bot-a', 3_600);
  await cli(['track', one, two, '--owner', 'bot-a'], env);
  await cli(['track', other, '--owner', 'bot-b'], env);
  expect((await cli(['show', one], env)).stdout).toMatch(/^owner +bot-a$/m);
  const owned = await cli(['list', '--owner', 'bot-a'], env);
  expect(new Set(ids(owned.stdout)?.slice(1))).toEqual(new Set([one, two]));

  const table = await cli(['owners'], env);
  expect(table).toMatchObject({ code: 0, stderr: '2 owners\n' });
  expect(table.stdout).toMatch(/^OWNER +STATE +CALLS +LEASE LEFT +STOPPED IN +APP$/m);
  expect(table.stdout).toMatch(/^bot-a +active +2 +(59m\d\ds|1h00m) +default$/m);
  expect(table.stdout).toMatch(/^bot-b +none +1 +default$/m);
  for (const line of table.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);

  const active = await cli(['owners', '--state', 'active', '--json'], env);
  expect(jsonLines(active.stdout)).toMatchObject([{ owner: 'bot-a', tracked: 2 }]);
  expect((await cli(['owners', '--app', 'another', '--json'], env)).stdout).toBe('');
  const shown = await cli(['owners', 'bot-a'], env);
  expect(shown.stdout).toMatch(/^state +active: its lease runs$/m);
  expect(shown.stdout).toMatch(/^calls +2$/m);
  expect(shown.stdout).toMatch(/^lease until +\S+ \(in (59m\d\ds|1h00m)\)$/m);
  const json = await cli(['owners', 'bot-b', '--json'], env);
  expect(JSON.parse(json.stdout)).toMatchObject({ owner: 'bot-b', state: 'none', tracked: 1 });

  const dropped = await cli(['owners', 'bot-a', '--drop'], env);
  expect(dropped).toEqual({ code: 0, stdout: 'bot-a  2 calls stopped\n', stderr: '' });
  expect((await cli(['show', one], env)).stdout).toMatch(/^stopped by +a request$/m);
  const gone = await cli(['owners', 'bot-a'], env);
  expect([gone.code, gone.stderr]).toEqual([
    6,
    'callkeeper: bot-a has no lease and no calls, and was not lost within 24 hours\n',
  ]);
  const again = await cli(['owners', 'bot-a', '--drop', '--json'], env);
  expect(JSON.parse(again.stdout)).toEqual({ owner: 'bot-a', stopped: 0, durable: true });

  await cli(['track', other, '--clear', 'owner'], env);
  expect((await cli(['show', other], env)).stdout).not.toMatch(/^owner/m);
  expect((await cli(['owners', '--json'], env)).stdout).toBe('');
}, 60_000);

test('watch and list show an owner that lapses, and why its calls were stopped', async () => {
  const watch = startCli(['watch'], env);
  const terminal = startInTerminal(['watch'], env);
  await watch.told(/ {2}ready {2}\d+ tracked/);
  await terminal.told('Latest events');
  await renew('bot-dead', LEASE_S);
  const id = aCall();
  await cli(['track', id, '--owner', 'bot-dead'], env);
  await expect
    .poll(() => watch.stdout, { timeout: 60_000 })
    .toMatch(/owner\.lapsed +bot-dead +default +1 call to be stopped at 2\S+Z$/m);
  const lapsed = await cli(['owners', '--state', 'lapsed'], env);
  expect(lapsed.stdout).toMatch(/^bot-dead +lapsed +1 +0s +\d+s +default$/m);
  await expect
    .poll(() => watch.stdout, { timeout: 60_000 })
    .toMatch(
      new RegExp(`call\\.untracked +${id} +default +bot-dead did not renew its lease$`, 'm'),
    );

  const shown = await cli(['show', id], env);
  expect(shown.stdout).toMatch(
    /^stopped by +the loss of its owner, which did not renew its lease$/m,
  );
  const lost = await cli(['owners', '--state', 'lost'], env);
  expect(lost.stdout).toMatch(/^bot-dead +lost +0 +\d+s ago +default$/m);
  expect((await cli(['owners', 'bot-dead'], env)).stdout).toMatch(/^stopped +\S+ \(\d+s ago\)$/m);
  await terminal.told(/Latest events[\s\S]*owner\.lapsed +bot-dead/);
  // Both go on.
  const after = aCall();
  await cli(['track', after], env);
  await watch.told(new RegExp(`call\\.tracked +${after}`));
  await terminal.told(new RegExp(`call\\.tracked +${after}`));
  watch.child.kill('SIGINT');
  terminal.child.stdin?.write('\x03');
  expect(await watch.ended).toMatchObject({ code: 0, stderr: '' });
  expect((await terminal.ended).code).toBe(0);
}, 120_000);

test('a key with only the scope read lists owners, and cannot drop one', async () => {
  const reader = { ...env, CALLKEEPER_API_KEY: READ_KEY };
  expect((await cli(['owners'], reader)).code).toBe(0);
  const { code, stderr } = await cli(['owners', 'bot-a', '--drop'], reader);
  expect(code).toBe(5);
  expect(stderr).toContain('The key does not allow this');
});

test.each([
  [['owners', '--drop'], '--drop: expected the name of one owner'],
  [['owners', 'bot-a', 'bot-b'], 'expected the name of one owner'],
  [['owners', 'bot a'], "expected an owner's name of 1 to 128 of A-Z a-z 0-9 . _ : -"],
  [['owners', '..'], 'but not . or .., got ".."'],
  [['owners', '--state', 'dead'], '--state: expected one of none, active, lapsed, lost'],
  [['owners', 'bot-a', '--state', 'lost'], '--state is for all owners, not for one'],
  [['owners', '--stat', 'lost'], 'there is no option --stat; did you mean --state?'],
  [['owner'], 'there is no command owner; did you mean owners?'],
  [['list', '--owner', 'a b'], "expected an owner's name"],
  [['track', 'call-0001', '--owner', ''], "expected an owner's name"],
  [['track', 'call-0001', '--owner', 'a', '--clear', 'owner'], '--clear owner contradicts --owner'],
])('%j is wrong usage, with exit code 2', async (args, message) => {
  const { code, stdout, stderr } = await cli(args);
  expect(stderr).toContain(message);
  expect([code, stdout]).toEqual([2, '']);
});
