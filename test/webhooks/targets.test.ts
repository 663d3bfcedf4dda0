import { expect, test } from 'vitest';
import { Targets } from '../../src/webhooks/targets.ts';
import { aCall } from '../calls/fixture.ts';

const RECORDERS = {
  url: 'https://recorder.example/hook',
  secrets: async () => ['whsec_new', 'whsec_old'],
};

const targets = new Targets({
  hosts: ['bot.example.com', '*.hooks.example.com', '192.0.2.1'],
  defaultUrl: 'https://default.example/hook',
  secrets: ['whsec_of-all'],
  webhookOf: (app) => (app === 'recorder' ? RECORDERS : null),
});

test.each([
  'https://bot.example.com/a?b=c',
  'https://BOT.example.com:8443/',
  'https://a.hooks.example.com/',
  'https://a.b.hooks.example.com/',
  'https://192.0.2.1/',
  'https://default.example/hook',
])('%s is an allowed webhook', (url) => {
  expect(targets.faultOf(url, 'default')).toBeNull();
});

test.each([
  ['http://bot.example.com/', 'must be an https URL'],
  ['ftp://bot.example.com/', 'must be an https URL'],
  ['nonsense', 'must be an https URL'],
  ['https://hooks.example.com/', 'its host hooks.example.com is not allowed'],
  ['https://evilhooks.example.com/', 'its host evilhooks.example.com is not'],
  ['https://bot.example.com.evil.example/', 'its host bot.example.com.evil.example is not'],
  ['https://bot.example.com@evil.example/', 'its host evil.example is not'],
  ['https://default.example/other', 'its host default.example is not'],
  ['https://recorder.example/hook', 'its host recorder.example is not'],
  ['https://other.example/', 'WEBHOOK_HOSTS are bot.example.com, *.hooks.example.com, 192.0.2.1'],
])('%s is refused as a webhook', (url, why) => {
  expect(targets.faultOf(url, 'default')).toContain(why);
});

const noRules = { hosts: [], defaultUrl: null, secrets: [], webhookOf: () => null };

test('events of a call go to its own webhook, or else to its app’s, or else to the default', () => {
  const webhookUrl = 'https://bot.example.com/';
  expect(targets.of(aCall({ webhookUrl, app: 'recorder' }))).toBe(webhookUrl);
  expect(targets.of(aCall({ webhookUrl: null, app: 'recorder' }))).toBe(RECORDERS.url);
  expect(targets.of(aCall({ webhookUrl: null }))).toBe('https://default.example/hook');
  expect(new Targets(noRules).of(aCall())).toBeNull();
});

test('an app’s own secrets sign events of its calls, and the default secrets all others', async () => {
  expect(await targets.secretsOf('recorder')).toEqual(['whsec_new', 'whsec_old']);
  expect(await targets.secretsOf('default')).toEqual(['whsec_of-all']);
  expect(targets.faultOf(RECORDERS.url, 'recorder')).toBeNull();
});

test('an event that nothing would sign is not sent', () => {
  const unsigned = new Targets({
    ...noRules,
    hosts: ['bot.example.com'],
    webhookOf: (app) => (app === 'recorder' ? RECORDERS : null),
  });
  expect(unsigned.faultOf('https://bot.example.com/', 'default')).toContain('nothing signs it');
  expect(unsigned.faultOf('https://bot.example.com/', 'recorder')).toBeNull();
});
