import { describe, expect, test } from 'vitest';
import { judge, parseEnvelope } from '../../src/graph/judge.ts';

const GRAPH_404 = JSON.stringify({
  error: { code: '8522', message: 'Call not found.', innerError: { 'request-id': 'r' } },
});
const HTML = '<html><body>404</body></html>';

function verdict(status: number, body = '', headers: Record<string, string | string[]> = {}) {
  return judge({ status, body, headers }, 0);
}

describe('an answer is judged', () => {
  test.each([
    [200, '', 'renewed'],
    [202, 'whatever', 'renewed'],
    [204, '', 'renewed'],
    [404, GRAPH_404, 'ended'],
    [404, HTML, 'failed'],
    [404, '', 'failed'],
    [404, '{}', 'failed'],
    [404, '{"error":"not found"}', 'failed'],
    [404, '{"error":{"code":8522,"message":"Call not found."}}', 'failed'],
    [404, '{"error":{"code":"8522"}}', 'failed'],
    [404, '{"error":{"code":"","message":"x"}}', 'failed'],
    [404, '{"error":{"code":"ResourceNotFound","message":"no route"}}', 'failed'],
    [404, '{"statusCode":404,"message":"Resource not found"}', 'failed'],
    [404, '[{"error":{"code":"8522","message":"x"}}]', 'failed'],
    [404, 'null', 'failed'],
    [404, GRAPH_404.slice(0, -1), 'failed'],
    [410, GRAPH_404, 'failed'],
    [400, GRAPH_404, 'failed'],
    [409, '', 'failed'],
    [301, '', 'failed'],
    [302, HTML, 'failed'],
    [304, '', 'failed'],
    [401, '', 'unauthorized'],
    [403, GRAPH_404, 'refused'],
    [407, '', 'failed'],
    [408, '', 'failed'],
    [429, '', 'throttled'],
    [500, GRAPH_404, 'failed'],
    [502, HTML, 'failed'],
    [503, '', 'failed'],
    [504, '', 'failed'],
    [599, '', 'failed'],
  ])('%i %s as %s', (status, body, kind) => {
    expect(verdict(status, body).kind).toBe(kind);
  });

  test.each([408, 429, 500, 503, 504])('%i with Retry-After as throttled', (status) => {
    const answer = verdict(status, '', { 'retry-after': '2.128' });
    expect(answer).toEqual({ kind: 'throttled', retryAfterMs: 2128 });
  });

  test('404 with the envelope as ended where a header has the id of the request', () => {
    const body = JSON.stringify({ error: { code: '8522', message: 'Call not found.' } });
    expect(verdict(404, body, { 'request-id': 'r' }).kind).toBe('ended');
  });

  test('429 with an unreadable Retry-After as throttled for an unknown time', () => {
    const answer = verdict(429, '', { 'retry-after': 'later' });
    expect(answer).toEqual({ kind: 'throttled', retryAfterMs: null });
  });

  test('503 with an unreadable Retry-After as failed', () => {
    expect(verdict(503, '', { 'retry-after': 'later' }).kind).toBe('failed');
  });

  test('by the first of two Retry-After headers', () => {
    const answer = verdict(503, '', { 'retry-after': ['1', '99'] });
    expect(answer).toEqual({ kind: 'throttled', retryAfterMs: 1000 });
  });

  test('401 with the claims that it challenges for', () => {
    const claims = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}';
    const encoded = Buffer.from(claims).toString('base64');
    const challenge = `Bearer realm="", error="insufficient_claims", claims="${encoded}"`;
    const answer = verdict(401, '', { 'www-authenticate': challenge });
    expect(answer).toEqual({ kind: 'unauthorized', claims });
  });

  test.each(['Bearer', 'Bearer claims="bm90IGpzb24="', 'Bearer claims="W10="', 'Bearer claims=""'])(
    '401 with the challenge %j without claims',
    (challenge) => {
      const answer = verdict(401, '', { 'www-authenticate': challenge });
      expect(answer).toEqual({ kind: 'unauthorized', claims: null });
    },
  );
});

test('an envelope without a message text, or deep in prototypes, is none', () => {
  expect(parseEnvelope('{"error":{"__proto__":{"code":"1","message":"x"}}}')).toBeNull();
  expect(parseEnvelope('{"error":{"code":"1","message":null}}')).toBeNull();
  expect(parseEnvelope('{"error":{"code":"1","message":""}}')).toEqual({ code: '1', message: '' });
});
