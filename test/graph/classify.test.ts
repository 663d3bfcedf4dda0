import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classify } from '../../src/graph/classify.ts';

const REQUEST_ID = '6c2b6ef1-8a36-4cbf-9d0c-1d1f3b6a2c11';
const GRAPH = { 'request-id': REQUEST_ID };
const HTML = '<html><body>Sign in</body></html>';

/** As Graph writes an error, its request id included. */
function graphs(code: unknown, message: unknown = 'x', inner: object = GRAPH): string {
  return JSON.stringify({ error: { code, message, innerError: inner } });
}

const GRAPH_404 = graphs('8522', 'Call not found.');
const service = (code: unknown) => JSON.stringify({ errorCode: code, message: 'No.' });

type Headers = Record<string, string | string[]>;

function classification(status: number, body = '', headers: Headers = {}) {
  return classify({ status, body, headers }, 0);
}

describe('a success', () => {
  test.each<[string, number, string, Headers]>([
    ["Graph's request id", 200, '', GRAPH],
    ['a request id in capitals', 200, '', { 'request-id': REQUEST_ID.toUpperCase() }],
    ['another status of success', 204, '', GRAPH],
    ['a body that is no error', 202, '{}', { ...GRAPH, 'content-type': 'application/json' }],
    ["a proxy's request id before Graph's", 200, '', { 'request-id': ['7', REQUEST_ID] }],
  ])('with %s renews', (_, status, body, headers) => {
    expect(classification(status, body, headers).kind).toBe('renewed');
  });

  test.each<[string, number, string, Headers]>([
    ['without a request id', 200, '', {}],
    ['that is a login page', 200, HTML, { 'content-type': 'text/html' }],
    ['with a request id that is no GUID', 200, '', { 'request-id': '4f2a' }],
    ['with a request id in the body only in words', 200, '{"request-id":"x"}', {}],
    ["that is HTML though it has Graph's request id", 200, HTML, GRAPH],
    ['that is said to be HTML', 200, '', { ...GRAPH, 'content-type': 'text/html; charset=utf-8' }],
    ['that is XHTML', 203, '', { ...GRAPH, 'content-type': 'application/xhtml+xml' }],
    ['that begins with blanks and a page', 200, ` \r\n\uFEFF<!DOCTYPE html>`, GRAPH],
    ['that is JSON of somebody else', 200, '{"status":"ok"}', { 'x-request-id': REQUEST_ID }],
  ])('%s is foreign', (_, status, body, headers) => {
    expect(classification(status, body, headers).kind).toBe('foreign');
  });

  test("that holds Graph's error is a failure", () => {
    expect(classification(200, GRAPH_404, GRAPH).kind).toBe('failed');
  });
});

describe('a 404', () => {
  test.each<[string, string, Headers]>([
    ["with Graph's own error", GRAPH_404, {}],
    ['with the request id in a header', graphs('8522', 'x', {}), GRAPH],
    ['with the request id in innererror', GRAPH_404.replace('innerError', 'innererror'), {}],
    ['with the code wrapped in an UnknownError', graphs('UnknownError', service('8522')), {}],
    ['with the code wrapped as a number', graphs('UnknownError', service(8522)), {}],
    ['without an envelope', service('8522'), GRAPH],
  ])('%s ends a call', (_, body, headers) => {
    expect(classification(404, body, headers).kind).toBe('ended');
  });

  test.each<[string, string, Headers]>([
    ['UnknownError', graphs('UnknownError', '404 page not found'), GRAPH],
    ['UnknownError with the words of 8522', graphs('UnknownError', '8522 Call not found.'), GRAPH],
    ['UnknownError with another code', graphs('UnknownError', service('7503')), GRAPH],
    ['ResourceNotFound', graphs('ResourceNotFound', service('8522')), GRAPH],
    ['BadRequest', graphs('BadRequest', "Resource not found for the segment 'calls'."), GRAPH],
    ['itemNotFound', graphs('itemNotFound'), GRAPH],
    ['an envelope without any request id', graphs('8522', 'Call not found.', {}), {}],
    ['a request id that is no GUID', graphs('8522', 'x', { 'request-id': 'r' }), {}],
    ['a code that is a number', graphs(8522), GRAPH],
    ['no code', graphs(''), GRAPH],
    ['no message', graphs('8522', null), GRAPH],
    ['a longer code', graphs('85220'), GRAPH],
    ['an empty body', '', GRAPH],
    ['a broken body', GRAPH_404.slice(0, -1), GRAPH],
    ['a list', `[${GRAPH_404}]`, GRAPH],
    ['hidden in a prototype', '{"error":{"__proto__":{"code":"8522","message":"x"}}}', GRAPH],
    ['a page', HTML, GRAPH],
  ])('with %s is not found, but does not end the call', (_, body, headers) => {
    expect(classification(404, body, headers).kind).toBe('not_found');
  });

  test.each([HTML, '', '{}', 'null', '{"error":"not found"}', '{"statusCode":404,"message":"no"}'])(
    'with the body %j and no sign of Graph is foreign',
    (body) => expect(classification(404, body).kind).toBe('foreign'),
  );
});

describe('without a GUID for a request id', () => {
  const name = fc.constantFrom('request-id', 'x-request-id', 'content-type', 'server', 'date');
  const value = fc.constantFrom('', 'r', REQUEST_ID.replaceAll('-', ''), `${REQUEST_ID}0`);
  const headers = fc.dictionary(name, fc.oneof(value, fc.array(value)));
  const code = fc.constantFrom<unknown>('8522', 8522, 'UnknownError', null);
  const message = fc.constantFrom<unknown>('Call not found.', service('8522'), null);
  const inner = fc.oneof(fc.jsonValue(), fc.record({ 'request-id': value }));
  const error = fc.record({ code, message, innerError: inner }, { requiredKeys: [] });
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.record({ error }).map((it) => JSON.stringify(it)),
  );

  test('no answer renews or ends a call, whatever its content', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 999 }), body, headers, (status, text, some) => {
        for (const one of [status, 200, 404]) {
          expect(['renewed', 'ended']).not.toContain(classification(one, text, some).kind);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('another answer', () => {
  test.each<[number, string, string]>([
    [410, GRAPH_404, 'failed'],
    [400, GRAPH_404, 'failed'],
    [409, service('7503'), 'failed'],
    [403, GRAPH_404, 'refused'],
    [403, service('7505'), 'refused'],
    [500, GRAPH_404, 'failed'],
    [403, HTML, 'foreign'],
    [301, '', 'foreign'],
    [302, HTML, 'foreign'],
    [304, '', 'foreign'],
    [407, '', 'foreign'],
    [408, '', 'foreign'],
    [502, HTML, 'foreign'],
    [503, '', 'foreign'],
    [599, '', 'foreign'],
    [401, '', 'unauthorized'],
    [429, '', 'throttled'],
  ])('%i %s is %s', (status, body, kind) => {
    expect(classification(status, body).kind).toBe(kind);
  });

  test.each([301, 400, 407, 408, 500, 503, 599])('%i with a request id has failed', (status) => {
    expect(classification(status, '', GRAPH).kind).toBe('failed');
  });

  test("503 with Graph's diagnostic alone has failed", () => {
    expect(classification(503, '', { 'x-ms-ags-diagnostic': '{}' }).kind).toBe('failed');
  });

  test.each([408, 429, 500, 503, 504])('%i with Retry-After is throttled', (status) => {
    const answer = classification(status, '', { 'retry-after': '2.128' });
    expect(answer).toEqual({ kind: 'throttled', retryAfterMs: 2128 });
  });

  test('429 with an unreadable Retry-After is throttled for an unknown time', () => {
    const answer = classification(429, '', { 'retry-after': 'later' });
    expect(answer).toEqual({ kind: 'throttled', retryAfterMs: null });
  });

  test('503 with an unreadable Retry-After has failed', () => {
    expect(classification(503, '', { ...GRAPH, 'retry-after': 'later' }).kind).toBe('failed');
  });

  test('with two Retry-After headers goes by the first', () => {
    const answer = classification(503, '', { 'retry-after': ['1', '99'] });
    expect(answer).toEqual({ kind: 'throttled', retryAfterMs: 1000 });
  });
});

describe('a 401', () => {
  const claims = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}';
  const encoded = Buffer.from(claims).toString('base64');
  const plain = 'Bearer realm="", authorization_uri="https://login.example/authorize"';
  const challenge = `Bearer realm="", error="insufficient_claims", claims="${encoded}"`;

  test.each<[string, string | string[]]>([
    ['its header', challenge],
    ['the second of two headers', [plain, challenge]],
    ['the third of three, after one of a proxy', ['Basic realm="proxy"', plain, challenge]],
    ['the second challenge of one header', `${plain}, ${challenge}`],
    ['a header after one with claims that are none', [`Bearer claims="bm8="`, challenge]],
    ['a header with blanks around the equals sign', challenge.replace('claims=', 'claims = ')],
  ])('has the claims of %s', (_, header) => {
    const answer = classification(401, '', { 'www-authenticate': header });
    expect(answer).toEqual({ kind: 'unauthorized', claims });
  });

  test.each(['Bearer', 'Bearer claims="bm90IGpzb24="', 'Bearer claims="W10="', 'Bearer claims=""'])(
    'with the challenge %j has no claims',
    (header) => {
      const answer = classification(401, '', { 'www-authenticate': header });
      expect(answer).toEqual({ kind: 'unauthorized', claims: null });
    },
  );
});
