import { expect, test } from 'vitest';
import { Causes } from '../../src/cli/causes.ts';
import { aCall, failing } from './calls.ts';

function grouped(...calls: Parameters<Causes['add']>[0][]) {
  const causes = new Causes();
  for (const call of calls) causes.add(call);
  return causes;
}

test('calls that fail with one status and code are one cause, with the latest message', () => {
  const causes = grouped(
    failing(aCall(), { at: '2026-02-03T04:06:00.001Z', message: 'first' }),
    failing(aCall(), { at: '2026-02-03T04:06:00.003Z', message: 'latest' }),
    failing(aCall(), { at: '2026-02-03T04:06:00.002Z', message: 'second' }),
  );
  expect(causes.all).toMatchObject([
    { calls: 3, status: 500, code: 'InternalServerError', message: 'latest' },
  ]);
});

test('app, tenant, status, code and the code of Entra each make a cause of their own', () => {
  const call = aCall();
  const causes = grouped(
    failing(call),
    failing({ ...call, app: 'other' }),
    failing({ ...call, tenantId: '33333333-3333-4333-8333-333333333333' }),
    failing(call, { status: 503 }),
    failing(call, { status: null, code: 'ECONNRESET' }),
    failing(call, { status: null, code: 'token', message: 'AADSTS7000222: expired' }),
    failing(call, { status: null, code: 'token', message: 'AADSTS90002: no such tenant' }),
    call,
  );
  expect([causes.all.length, causes.calls]).toEqual([7, 7]);
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
  const calls = Array.from({ length: 600 }, (_, i) => failing(aCall(), { code: `code-${i}` }));
  const causes = grouped(...calls);
  expect(causes.all).toHaveLength(501);
  expect(causes.all[0]).toMatchObject({ calls: 100, message: expect.stringMatching(/^other/) });
});
