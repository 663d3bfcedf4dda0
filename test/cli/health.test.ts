import { expect, test } from 'vitest';
import { aServer, json } from '../client/server.ts';
import { cli } from './cli.ts';

test('health needs no key, and ignores a missing key file', async () => {
  const { url } = await aServer(json(200, { status: 'alive' }));
  const env = { CALLKEEPER_URL: url, CALLKEEPER_API_KEY_FILE: '/nonexistent' };
  expect(await cli(['health'], env)).toEqual({ code: 0, stdout: `${url}  alive\n`, stderr: '' });
});

test('a command ends even if something is still open', async () => {
  const NODE_OPTIONS = '--import=data:text/javascript,setInterval(()=>{},60_000)';
  const { url } = await aServer(json(200, { status: 'alive' }));
  const ended = await cli(['health', '--url', url], { NODE_OPTIONS });
  expect(ended).toEqual({ code: 0, stdout: `${url}  alive\n`, stderr: '' });
});
