import { expect, test } from 'vitest';
import type { Outcome } from '../../src/calls/outcome.ts';
import { laneFeedback } from '../../src/keeper/lane-feedback.ts';
import { anError, ended, failed, NOW, refused, renewed, throttled } from '../calls/fixture.ts';

const timedOut: Outcome = { kind: 'failed', sentAt: NOW, error: anError({ status: null }) };
const unknownTenant: Outcome = { kind: 'refused', sentAt: null, error: anError({ status: null }) };

test.each([
  ['renewed', renewed(NOW), 'ok'],
  ['ended', ended(NOW), 'ok'],
  ['throttled', throttled(NOW), 'trouble'],
  ['without an answer', timedOut, 'trouble'],
  [
    'refused by Graph, which says nothing about the other calls of the lane',
    refused(NOW),
    'failed',
  ],
  ['answered with an error', failed(NOW), 'failed'],
  ['not sent for want of a token', failed(null), 'unused'],
  ['not sent, as Entra does not know the tenant', unknownTenant, 'unused'],
] as const)('a request that was %s tells the lane', (_, outcome, feedback) => {
  expect(laneFeedback(outcome)).toBe(feedback);
});
