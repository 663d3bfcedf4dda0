import { describe, expect, test } from 'vitest';
import { answerError } from '../../src/graph/evidence.ts';

const REQUEST_ID = '6c2b6ef1-8a36-4cbf-9d0c-1d1f3b6a2c11';
const GRAPH = { 'request-id': REQUEST_ID };
const SENT = { sentAt: 1, answeredAt: 2, clientRequestId: 'c' };

function evidence(status: number, body: string, headers: Record<string, string | string[]> = {}) {
  return answerError({ status, body, headers }, SENT);
}

describe('the evidence of an answer', () => {
  const service = { errorCode: '7503', message: 'Application is not registered.' };
  const wrapped = { error: { code: 'UnknownError', message: JSON.stringify(service) } };
  const gateway = { error: { code: 'NoRoute', message: 'No route matched.' } };

  test.each<[string, number, object, Record<string, string>, string, string]>([
    ['without an envelope', 403, service, {}, '7503', service.message],
    ['without an envelope, with headers of Graph', 400, service, GRAPH, '7503', service.message],
    [
      'with a number for its code',
      500,
      { ...service, errorCode: 8522 },
      {},
      '8522',
      service.message,
    ],
    ['wrapped in an UnknownError', 403, wrapped, GRAPH, '7503', service.message],
    ['of a gateway in the same shape', 404, gateway, {}, 'NoRoute', 'No route matched.'],
  ])('keeps code and words of a body %s', (_, status, body, headers, code, message) => {
    expect(evidence(status, JSON.stringify(body), headers)).toMatchObject({
      status,
      code,
      message,
    });
  });

  test.each([
    [200, '<html>Sign in</html>', {}, /^200 without Graph's request-id .*login page/],
    [200, '', {}, /^200 without Graph's request-id/],
    [200, '<html>Sign in</html>', GRAPH, /^200 with HTML/],
    [404, '{"statusCode":404,"message":"secret"}', {}, /^404 without .*from a proxy/],
    [302, '', { 'content-type': 'text/html' }, /\(text\/html\): from a proxy/],
    [502, '<html>Bad gateway</html>', {}, /^502 without .*from a proxy/],
  ])('calls %i %j with no sign of Graph foreign', (status, body, headers, message) => {
    const error = evidence(status, body, headers);
    expect(error).toMatchObject({ status, code: 'foreign' });
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('secret');
  });

  test.each([
    [500, '', GRAPH],
    [404, '', { 'x-ms-ags-diagnostic': '{}' }],
    [503, '<html>Our services are not available right now</html>', GRAPH],
  ])('does not blame a proxy for %i %j with a sign of Graph', (status, body, headers) => {
    const error = evidence(status, body, headers);
    expect(error.code).toBeNull();
    expect(error.message).not.toContain('proxy');
  });

  test('has the request id of the body when no header has one', () => {
    const inner = { code: '8522', message: 'x', innerError: { 'request-id': REQUEST_ID } };
    expect(evidence(404, JSON.stringify({ error: inner })).requestId).toBe(REQUEST_ID);
  });
});
