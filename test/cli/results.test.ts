import { describe, expect, test } from 'vitest';
import { type Answer, aServer, json, problem, type Seen } from '../client/server.ts';
import { cli, startCli } from './cli.ts';

const SLOW = { timeout: 60_000 };
const hang: Answer = () => undefined;
const idOf = ({ url }: Seen) => url?.split('/')[2] ?? '';
const ids = (count: number) => Array.from({ length: count }, (_, i) => `call-${1e6 + i}`);
const renewed = (id: string) =>
  json(201, { id, state: 'tracked', renewedAt: '2026-02-03T04:05:06.789Z', lastError: null });

/** The answer to a batch of track or untrack; `error` for the ids that are named. */
const results =
  (...refused: string[]): Answer =>
  (response, one) => {
    const { calls, ids: plain } = JSON.parse(one.body);
    const all: string[] = plain ?? calls.map(({ id }: { id: string }) => id);
    const error = { type: 'urn:x', title: 'Title', status: 400, detail: 'detail' };
    const each = all.map((id) =>
      refused.includes(id) ? { id, status: 400, error } : { id, status: 204 },
    );
    json(200, { results: each })(response, one);
  };

describe.each(['track', 'untrack'])('%s with more ids than a request may have', (command) => {
  test('prints what was done before a request failed, and counts it', SLOW, async () => {
    const { url } = await aServer(results(), problem(403, 'forbidden'));
    const ended = await cli([command, '-', '--url', url], {}, ids(1_200).join('\n'));
    expect(ended.stdout.match(/^call-\S+/gm)).toEqual(ids(1_000));
    expect(ended.stderr).toMatch(/^callkeeper: 1,000 of 1,200 ids are done\ncallkeeper: Title/);
    expect(ended.code).toBe(5);
  });

  test('does all its work if nobody reads its output', SLOW, async () => {
    const last = ids(2_200).at(-1) as string;
    const { url, seen } = await aServer(results(), results(), results(last));
    const running = startCli([command, '-', '--url', url], {});
    running.child.stdout?.destroy();
    running.child.stderr?.destroy();
    running.child.stdin?.end(ids(2_200).join('\n'));
    expect((await running.ended).code).toBe(1);
    expect(seen).toHaveLength(3);
  });
});

describe('track --wait', () => {
  test('ends all its requests when the key turns out to be invalid', SLOW, async () => {
    let requests = 0;
    const { url } = await aServer((response, one) => {
      const answers = [renewed(idOf(one)), problem(401, 'unauthorized')];
      (answers[requests++] ?? hang)(response, one);
    });
    const { code, stdout, stderr } = await cli(['track', ...ids(40), '--wait', '--url', url]);
    expect([code, stdout.match(/tracked and renewed/g)?.length]).toEqual([4, 1]);
    expect(stderr).toContain('1 of 40 ids are done\ncallkeeper: Title: detail');
    expect(requests).toBeLessThanOrEqual(17);
  });

  test(
    'reports any other refusal by its id; the first refused id decides the code',
    SLOW,
    async () => {
      const [first, second, ...rest] = ids(20) as [string, string, ...string[]];
      let others = 0;
      const { url } = await aServer((response, one) => {
        const id = idOf(one);
        // The first id is refused last.
        if (id === first) {
          const refuse = () => problem(403, 'forbidden')(response, one);
          const poll = () => (others === rest.length + 1 ? refuse() : setTimeout(poll, 20));
          return void poll();
        }
        others++;
        if (id === second) problem(500, 'internal-error')(response, one);
        else renewed(id)(response, one);
      });
      const { code, stdout } = await cli(['track', first, second, ...rest, '--wait', '--url', url]);
      expect(code).toBe(5);
      expect(stdout.match(/^\S+ {2}refused: detail$/gm)).toHaveLength(2);
      expect(stdout.match(/tracked and renewed$/gm)).toHaveLength(rest.length);
    },
  );
});

test.each([
  [3, 'is not Callkeeper', ((response) => void response.writeHead(404).end('<h1>')) as Answer],
  [1, 'Title: detail', problem(404, 'route-not-found')],
])('a 404 that is not about a call ends with exit code %d', async (exit, message, answer) => {
  const { url } = await aServer(answer);
  for (const command of [['list'], ['track', 'call-0001'], ['untrack', 'call-0001']]) {
    const { code, stderr } = await cli([...command, '--url', url]);
    expect([code, stderr]).toEqual([exit, expect.stringContaining(message)]);
  }
});
