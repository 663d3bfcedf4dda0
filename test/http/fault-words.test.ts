import Type, { type TSchema } from 'typebox';
import { describe, expect, test } from 'vitest';
import { CallState } from '../../src/http/call-resource.ts';
import { AppName, CallId, Labels, TrackBody } from '../../src/http/track-request.ts';
import { faultsOf, validator } from '../../src/http/validation.ts';

function detailsOf(schema: TSchema, value: unknown): string[] {
  const { error } = validator(schema, 'body')(value);
  return error === undefined ? [] : faultsOf(error, 'body').map(({ detail }) => detail);
}

const DATE = 'must be an RFC 3339 date-time of this century, such as 2026-02-03T04:05:06.789Z';
const NO_CONTROL = 'and no control characters';

describe('the fault of a request says in words what was expected', () => {
  test.each<[string, TSchema, unknown, string]>([
    ['an id', CallId, 'a b', 'must be a call id: 8 to 128 of A-Z a-z 0-9 - _'],
    ['an id of another type', CallId, 5, 'must be a string'],
    ['a state', CallState, 'lost', 'must be one of tracked, ended, expired, untracked'],
    ['a date', TrackBody, { startedAt: 'yesterday' }, DATE],
    ['a date as a number', TrackBody, { trackUntil: 1 }, 'must be a string or null'],
    ['a tenant', TrackBody, { tenantId: 'contoso' }, 'must be a GUID'],
    ['an owner', TrackBody, { owner: 'a b' }, 'must be the name of an owner: 1 to 128 of'],
    ['a URL', TrackBody, { webhookUrl: 'http://a' }, 'must be an https:// URL'],
    ['an app', TrackBody, { app: '' }, 'must not be empty'],
    ['a long app', AppName, 'x'.repeat(129), `must have at most 128 characters, ${NO_CONTROL}`],
    ['the key of a label', TrackBody, { labels: { 'a b': '' } }, 'must be a label key: 1 to 63'],
    ['the value of a label', TrackBody, { labels: { a: '\n' } }, NO_CONTROL],
    ['a filter', Labels, ['=a'], 'must be a label, as key or key=value'],
    ['an unknown name', TrackBody, { strat: 1 }, 'is not a known name'],
    ['a missing name', Type.Object({ ids: Type.Null() }), {}, 'lacks ids'],
    ['a large number', Type.Integer({ maximum: 5 }), 6, 'must be at most 5'],
    ['a small number', Type.Integer({ minimum: 5 }), 4, 'must be at least 5'],
    ['half a number', Type.Integer(), 0.5, 'must be a whole number'],
    ['a long list', Type.Array(Type.Any(), { maxItems: 1 }), [1, 2], 'must have at most 1 items'],
    ['an empty list', Type.Array(Type.Any(), { minItems: 1 }), [], 'must not be empty'],
  ])('of %s', (_, schema, value, expected) => {
    expect(detailsOf(schema, value)).toEqual([expect.stringContaining(expected)]);
  });

  test('of 17 labels', () => {
    const labels = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`a${i}`, '']));
    expect(detailsOf(TrackBody, { labels })).toEqual(['must have at most 16 members']);
  });

  test('with the words of TypeBox if there are none of ours', () => {
    expect(detailsOf(Type.String({ pattern: '^x$' }), 'y')).toEqual(['must match pattern "^x$"']);
  });
});
