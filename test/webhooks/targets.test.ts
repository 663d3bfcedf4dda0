import { expect, test } from 'vitest';
import { Targets } from '../../src/webhooks/targets.ts';

const RECORDERS = {
  url: 'https://recorder.example/hook',
  secrets: async () => ['whsec_new', 'whsec_old'],
};

const APPS = new Map([
  ['default', { webhook: null }],
  ['recorder', { webhook: RECORDERS }],
]);

const targets = new Targets({
  hosts: ['bot.example.com', '*.hooks.example.com', '192.0.2.1'],
  defaultUrl: 'https://default.example/hook',
  secrets: ['whsec_of-all'],
  apps: () => APPS,
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

const noRules = { hosts: [], defaultUrl: null, secrets: [], apps: () => APPS };

const urlOf = (app: string, webhookUrl: string | null) => {
  const target = targets.of({ app, webhookUrl });
  return 'url' in target ? target.url : target.fault;
};

test('events of a call go to its own webhook, or else to its app’s, or else to the default', () => {
  const own = 'https://bot.example.com/';
  expect(urlOf('recorder', own)).toBe(own);
  expect(urlOf('recorder', null)).toBe(RECORDERS.url);
  expect(urlOf('default', null)).toBe('https://default.example/hook');
  const none = new Targets(noRules);
  const about = { app: 'default', webhookUrl: null };
  expect(none.hasWebhook(about)).toBe(false);
  expect(none.of(about)).toEqual({ fault: expect.stringContaining('WEBHOOK_URL') });
});

test('events of an unknown app wait for the app, and do not go to the default', () => {
  const about = { app: 'new', webhookUrl: null };
  expect(new Targets(noRules).hasWebhook(about)).toBe(true);
  for (const webhookUrl of [null, 'https://bot.example.com/']) {
    expect(urlOf('new', webhookUrl)).toBe('no app "new" is configured');
  }
});

test('a call’s own webhook must be allowed; the fault does not contain its query', () => {
  expect(urlOf('default', 'https://other.example/?key=1')).toMatch(
    /^https:\/\/other\.example\/: its host other\.example is not allowed/,
  );
});

test('an app’s own secrets sign events of its calls, and the default secrets all others', async () => {
  const secretsOf = async (app: string) => {
    const target = targets.of({ app, webhookUrl: null });
    return 'url' in target ? await target.secrets() : null;
  };
  expect(await secretsOf('recorder')).toEqual(['whsec_new', 'whsec_old']);
  expect(await secretsOf('default')).toEqual(['whsec_of-all']);
  expect(targets.faultOf(RECORDERS.url, 'recorder')).toBeNull();
});

test('an event that nothing would sign is not sent', () => {
  const unsigned = new Targets({ ...noRules, hosts: ['bot.example.com'] });
  expect(unsigned.faultOf('https://bot.example.com/', 'default')).toContain('nothing signs it');
  expect(unsigned.faultOf('https://bot.example.com/', 'recorder')).toBeNull();
});
