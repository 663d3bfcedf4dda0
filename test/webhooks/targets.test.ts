import { expect, test } from 'vitest';
import { Targets } from '../../src/webhooks/targets.ts';
import { aCall } from '../calls/fixture.ts';

const targets = new Targets({
  hosts: ['bot.example.com', '*.hooks.example.com', '192.0.2.1'],
  defaultUrl: 'https://default.example/hook',
});

test.each([
  'https://bot.example.com/a?b=c',
  'https://BOT.example.com:8443/',
  'https://a.hooks.example.com/',
  'https://a.b.hooks.example.com/',
  'https://192.0.2.1/',
  'https://default.example/hook',
])('%s may be told', (url) => {
  expect(targets.faultOf(url)).toBeNull();
});

test.each([
  ['http://bot.example.com/', 'must be an https URL'],
  ['ftp://bot.example.com/', 'must be an https URL'],
  ['nonsense', 'must be an https URL'],
  ['https://hooks.example.com/', 'its host hooks.example.com is not one that may be told'],
  ['https://evilhooks.example.com/', 'its host evilhooks.example.com is not'],
  ['https://bot.example.com.evil.example/', 'its host bot.example.com.evil.example is not'],
  ['https://bot.example.com@evil.example/', 'its host evil.example is not'],
  ['https://default.example/other', 'its host default.example is not'],
  ['https://other.example/', 'WEBHOOK_HOSTS are bot.example.com, *.hooks.example.com, 192.0.2.1'],
])('%s may not', (url, why) => {
  expect(targets.faultOf(url)).toContain(why);
});

test('a call is told of at its own webhook, or else at the one of all', () => {
  const webhookUrl = 'https://bot.example.com/';
  expect(targets.of(aCall({ webhookUrl }))).toBe(webhookUrl);
  expect(targets.of(aCall({ webhookUrl: null }))).toBe('https://default.example/hook');
  expect(new Targets({ hosts: [], defaultUrl: null }).of(aCall())).toBeNull();
});
