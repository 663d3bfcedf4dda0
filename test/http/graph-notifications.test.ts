import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readNotification } from '../../src/http/graph-notifications.ts';

const ID = '2e1a0b00-2db4-4022-9570-243709c565ab';
const TENANT = '7f5b1f62-4a02-4f2e-9a2b-6c7d9c0a1b11';
const CALL = '#microsoft.graph.call';

const aNotification = (over: object = {}, data: object = {}) => ({
  '@odata.type': '#microsoft.graph.commsNotification',
  changeType: 'updated',
  resourceUrl: `/communications/calls/${ID}`,
  resourceData: { '@odata.type': CALL, state: 'established', tenantId: TENANT, ...data },
  ...over,
});

describe('a notification of a call', () => {
  test.each([
    ['as Graph documents it', aNotification()],
    [
      'with words in another case',
      aNotification({ changeType: 'Updated' }, { state: 'Established' }),
    ],
    [
      'with an id in another case',
      aNotification({ resourceUrl: `/communications/calls/${ID.toUpperCase()}` }),
    ],
    ['of an app', aNotification({ resourceUrl: undefined, resource: `/app/calls/${ID}` })],
    [
      'with a whole URL',
      aNotification({ resourceUrl: `https://graph.microsoft.com/v1.0/communications/calls/${ID}` }),
    ],
    [
      'with an id that has no hyphens',
      aNotification({ resourceUrl: `/app/calls/${ID.replaceAll('-', '').toUpperCase()}` }),
    ],
    ['with slashes after it', aNotification({ resourceUrl: `/communications/calls/${ID}//` })],
    ['without a slash before it', aNotification({ resourceUrl: `communications/calls/${ID}` })],
    ['with two slashes before it', aNotification({ resourceUrl: `//communications/calls/${ID}` })],
    ['with a version and space', aNotification({ resourceUrl: ` beta/app/calls/${ID}/ ` })],
    [
      'with a whole URL that has no version',
      aNotification({ resourceUrl: `https://graph.microsoft.com/communications/calls/${ID}/` }),
    ],
    ['with a tenant in another case', aNotification({}, { tenantId: TENANT.toUpperCase() })],
    ['without the type of its data', aNotification({}, { '@odata.type': undefined })],
  ])('that is established, %s', (_, item) => {
    expect(readNotification(item)).toEqual({ kind: 'established', id: ID, tenantId: TENANT });
  });

  test.each([[undefined], [null], ['contoso'], [7]])(
    'of tenant %j is of the app’s own',
    (tenantId) => {
      expect(readNotification(aNotification({}, { tenantId }))).toMatchObject({ tenantId: null });
    },
  );

  test.each([
    ['terminated', aNotification({}, { state: 'terminated' })],
    ['deleted', aNotification({ changeType: 'Deleted' }, { state: 'established' })],
    ['deleted, without a state', aNotification({ changeType: 'deleted' }, { state: undefined })],
  ])('that is %s is over', (_, item) => {
    expect(readNotification(item)).toEqual({
      kind: 'over',
      id: ID,
      tenantId: TENANT,
      resultInfo: null,
    });
  });

  test('that is over has the reason', () => {
    const resultInfo = { code: 408, subcode: 8537, message: 'Keep Alive timeout', more: 1 };
    const item = aNotification({ changeType: 'deleted' }, { state: 'terminated', resultInfo });
    expect(readNotification(item)).toMatchObject({
      resultInfo: { code: 408, subcode: 8537, message: 'Keep Alive timeout' },
    });
    for (const loose of [
      { code: '408', subcode: '8537', message: 'Keep Alive timeout' },
      { code: 408, subCode: 8537, message: 'Keep Alive timeout' },
      { Code: ' 408 ', SubCode: '8537', Message: 'Keep Alive timeout' },
    ]) {
      for (const name of ['resultInfo', 'ResultInfo']) {
        expect(readNotification(aNotification({}, { state: 'Terminated', [name]: loose }))).toEqual(
          {
            kind: 'over',
            id: ID,
            tenantId: TENANT,
            resultInfo: { code: 408, subcode: 8537, message: 'Keep Alive timeout' },
          },
        );
      }
    }
    const odd = { code: 500, subcode: 'x', message: { not: 'text' } };
    expect(
      readNotification(aNotification({}, { state: 'terminated', resultInfo: odd })),
    ).toMatchObject({ resultInfo: { code: 500, subcode: null, message: '' } });
    for (const code of ['x', '', '4.5', '0x10', 4.5, '1e3', '9'.repeat(16), null, ['408']]) {
      expect(
        readNotification(aNotification({}, { state: 'terminated', resultInfo: { code } })),
      ).toMatchObject({ resultInfo: null });
    }
  });
});

describe('nothing of a call is said by', () => {
  test.each([
    [
      'an operation',
      aNotification({
        resourceUrl: `/communications/calls/${ID}/operations/${ID}`,
        changeType: 'deleted',
      }),
    ],
    [
      'participants',
      aNotification({
        resourceUrl: `/communications/calls/${ID}/participants`,
        resourceData: [{}],
      }),
    ],
    ['another resource', aNotification({ resourceUrl: `/communications/onlineMeetings/${ID}` })],
    [
      'data of another type',
      aNotification(
        { changeType: 'deleted' },
        { '@odata.type': '#microsoft.graph.recordOperation' },
      ),
    ],
    ['an id that is none', aNotification({ resourceUrl: '/communications/calls/..%2f' })],
    ['a call that is establishing', aNotification({}, { state: 'establishing' })],
    ['no data', aNotification({ resourceData: null })],
    ['no path', aNotification({ resourceUrl: 7 })],
    ['no object', 'x'],
    ['null', null],
  ])('%s', (_, item) => {
    expect(readNotification(item)).toBeNull();
  });

  test('anything else, and nothing makes it throw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(readNotification(value)).toBeNull();
      }),
    );
  });
});
