import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import { emptyRecord } from '../../src/calls/record.ts';
import { trackingFor } from '../../src/calls/record-changes.ts';
import {
  faultOf,
  faultOfWebhook,
  type TrackContext,
  type TrackRequest,
} from '../../src/calls/track-request.ts';
import { aCall, MINUTE, NOW, recordOf, TENANT } from './fixture.ts';

const ID = 'call-0001';
const OTHER_TENANT = '22222222-2222-4222-8222-222222222222';
const context: TrackContext = {
  now: NOW,
  settledNow: NOW,
  apps: new Map([
    ['default', { tenantId: TENANT }],
    ['second', { tenantId: OTHER_TENANT }],
  ]),
  defaultApp: 'default',
  webhookFault: (url) => (url === 'https://no.example/' ? `${url} may not be told` : null),
};

describe('a request to track is refused', () => {
  test.each([
    [{ app: 'none' }, 'app', 'no app of this name is configured; known are default, second'],
    [{ app: '' }, 'app', 'no app of this name is configured; known are default, second'],
    [{ app: 'constructor' }, 'app', 'no app of this name is configured; known are default, second'],
    [{ app: '__proto__' }, 'app', 'no app of this name is configured; known are default, second'],
    [{ startedAt: NOW + 5 * MINUTE + 1 }, 'startedAt', 'must not lie in the future'],
    [{ trackUntil: NOW }, 'trackUntil', 'must lie in the future'],
    [{ trackUntil: 0 }, 'trackUntil', 'must lie in the future'],
  ])('for %j', (over, field, message) => {
    expect(faultOf({ id: ID, ...over }, context)).toEqual({ kind: 'invalid', field, message });
  });

  test.each([
    [{}],
    [{ app: 'second' }],
    [{ startedAt: NOW + 5 * MINUTE }],
    [{ startedAt: 0 }],
    [{ trackUntil: NOW + 1 }],
    [{ webhookUrl: 'https://yes.example/' }],
  ])('not for %j', (over) => {
    expect(faultOf({ id: ID, ...over }, context)).toBeNull();
  });
});

describe('a webhook', () => {
  const faultAfter = (fields: Omit<TrackRequest, 'id'>, last: Call | null) => {
    const request = { id: ID, ...fields };
    const rules: TrackContext = {
      ...context,
      webhookFault: (url, app) => (app === 'second' ? `not ${url}` : null),
    };
    const current = last ? recordOf(last) : emptyRecord(ID);
    const word = trackingFor(request, current, { ...rules, random: () => 0.5 }, true);
    return faultOfWebhook(request, word, current.tracking, rules)?.field ?? null;
  };
  const webhookUrl = 'https://bot.example/';

  test('is refused if it is named, for the app that the call has or gets', () => {
    expect(faultAfter({ webhookUrl }, null)).toBeNull();
    expect(faultAfter({ webhookUrl, app: 'second' }, null)).toBe('webhookUrl');
    expect(faultAfter({ webhookUrl }, aCall({ app: 'second' }))).toBe('webhookUrl');
  });

  test('is refused if it stays and the app changes, and left alone if neither does', () => {
    expect(faultAfter({ app: 'second' }, aCall({ webhookUrl }))).toBe('webhookUrl');
    expect(faultAfter({ app: 'second', webhookUrl: null }, aCall({ webhookUrl }))).toBeNull();
    expect(faultAfter({}, aCall({ app: 'second', webhookUrl }))).toBeNull();
  });
});
