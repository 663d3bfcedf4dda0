import { expect, test } from 'vitest';
import { Causes } from '../../src/cli/causes.ts';
import { aCall, failing } from './calls.ts';

function grouped(...calls: Parameters<Causes['add']>[0][]) {
  const causes = new Causes();
  for (const call of calls) causes.add(call);
  return causes;
}

test('calls that fail in the same way are one cause, whatever differs from request to request', () => {
  const messages = [
    'No such call 2e1a0b00-2db4-4022-9570-243709c565ab at 2026-02-03T04:06:00.123Z (1234567)',
    'No such call 5B1D0D8E9F3C4A55A2D07C1B9D3E4F60 at 2026-02-03 04:07:00Z (7654321)',
  ];
  const causes = grouped(
    ...messages.map((message) => failing(aCall(), { status: 404, code: '8522', message })),
  );
  expect(causes.all).toMatchObject([
    { calls: 2, status: 404, code: '8522', message: 'No such call … at … (…)' },
  ]);
});

test('a port makes a cause of its own', () => {
  const messages = ['refused by 10.0.0.5:50443', 'refused by 10.0.0.5:60443'];
  expect(grouped(...messages.map((message) => failing(aCall(), { message }))).all).toMatchObject([
    { calls: 1, message: messages[0] },
    { calls: 1, message: messages[1] },
  ]);
});

test('app, tenant, status, code and message each make a cause of their own', () => {
  const call = aCall();
  const causes = grouped(
    failing(call),
    failing({ ...call, app: 'other' }),
    failing({ ...call, tenantId: '33333333-3333-4333-8333-333333333333' }),
    failing(call, { status: 503 }),
    failing(call, { status: null, code: 'ECONNRESET' }),
    failing(call, { message: 'No.' }),
    call,
  );
  expect([causes.all.length, causes.calls]).toEqual([6, 6]);
});

test('a cause has the nearest deadline, the earliest failure and the calls at risk', () => {
  const at = (minute: number) => `2026-02-03T04:${minute}:00.000Z`;
  const causes = grouped(
    { ...failing(aCall(), { at: at(12) }), deadlineAt: at(50) },
    { ...failing(aCall(), { at: at(11) }), deadlineAt: at(40), atRiskAt: at(30) },
    failing(aCall({ app: 'other' })),
  );
  expect(causes.all).toMatchObject([
    { calls: 2, atRisk: 1, since: at(11), deadlineAt: at(40) },
    { app: 'other', calls: 1 },
  ]);
});

test('the memory for causes is limited, and no call is left out', () => {
  const calls = Array.from({ length: 600 }, (_, i) =>
    failing(aCall(), { message: `reason ${'x'.repeat(i)}` }),
  );
  const causes = grouped(...calls);
  expect(causes.all).toHaveLength(501);
  expect(causes.all[0]).toMatchObject({ calls: 100, message: expect.stringMatching(/^other/) });
});
