import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCallId } from '../../src/calls/call.ts';
import { type ProblemName, problemType } from '../../src/http/problems.ts';
import { anApp, converse, ID, parseAnswer } from './fixture.ts';

const ROUTES = [
  ['POST', '/track'],
  ['DELETE', '/track'],
  ['GET', ''],
  ['POST', '/keepAlive'],
] as const;

const INVALID = [400, 'invalid-request'] as const;
const MALFORMED = [400, 'malformed-request'] as const;
const UNKNOWN = [404, 'route-not-found'] as const;
const METHOD = [405, 'method-not-allowed'] as const;

/** As they stand in the bytes of the path, and what `POST /calls/…/track` answers. */
const BAD_IDS: [string, string, readonly [number, ProblemName]][] = [
  ['two dots', '..', INVALID],
  ['a path upwards', '../../etc', UNKNOWN],
  ['a path upwards, encoded', '..%2f..%2fetc', INVALID],
  ['a path upwards, encoded twice', '%252e%252e%252fetc', INVALID],
  ['a path upwards in overlong UTF-8', '%c0%ae%c0%ae%c0%afetcetc', MALFORMED],
  ['a backslash', '..%5c..%5cetcetc', INVALID],
  ['CR and LF', 'abcdefgh%0d%0aX-A:%20b', INVALID],
  ['a line end after a good id', `${ID}%0a`, INVALID],
  ['NUL', 'abcdefgh%00', INVALID],
  ['a space', 'abcd%20efgh', INVALID],
  ['a plus', 'abcd+efgh', INVALID],
  ['a question mark', 'abcdefgh%3fx', INVALID],
  ['a query in the middle', 'abcdefgh?x', METHOD],
  ['a hash', 'abcdefgh%23x', INVALID],
  ['a semicolon', 'abcdefgh;x', INVALID],
  ['seven characters', 'abcdefg', INVALID],
  ['129 characters', 'a'.repeat(129), INVALID],
  ['300 characters', 'a'.repeat(300), INVALID],
  ['10,000 characters', 'a'.repeat(10_000), INVALID],
  ['nothing', '', INVALID],
  ['a leading dash', '-abcdefgh', INVALID],
  ['a leading underscore', '__proto__', INVALID],
  ['bidi characters', 'abcd%e2%80%aeefgh', INVALID],
  ['a letter of another script', 'abcd%d0%b5fgh', INVALID],
  ['a colon, as of a Redis key', 'calls:abcdefgh', INVALID],
  ['a brace, as of a Redis hash tag', '%7babcdefgh%7d', INVALID],
  ['bad percent-encoding', '%zzabcdefgh', MALFORMED],
  ['half a percent-encoding', 'abcdefgh%2', MALFORMED],
  ['raw CR and LF', 'abcdefgh\r\nX-A: b', METHOD],
  ['a raw NUL', 'abcdefgh\0', MALFORMED],
  ['a raw space', 'abcd efgh', MALFORMED],
  ['a raw hash', 'abcdefgh#x', METHOD],
  ['raw bidi characters', 'abcd\u202eefgh', MALFORMED],
];

test.each(BAD_IDS)('an id with %s is refused and reaches nobody', async (_, id, [status, name]) => {
  const { app, calls } = await anApp();
  const request = `POST /calls/${id}/track HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
  const answer = parseAnswer(await converse(app, Buffer.from(request)));
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(JSON.parse(answer.body)).toMatchObject({ status, type: problemType(name) });
  expect(calls.asked).toEqual([]);
});

test.each(ROUTES)('%s /calls/:id%s takes exactly the ids of the grammar', async (method, rest) => {
  const { app, calls } = await anApp({ level: 'silent' });
  const anyId = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: 'grapheme-ascii', minLength: 7, maxLength: 12 }),
    fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{6,130}$/),
    fc.uuid().map((id) => id.toUpperCase()),
    fc.uuid().map((id) => id.replaceAll('-', '')),
  );
  const encodable = anyId.filter((id) => id.isWellFormed());
  await fc.assert(
    fc.asyncProperty(encodable, async (id) => {
      calls.asked.length = 0;
      const url = `/calls/${encodeURIComponent(id)}${rest}`;
      const { statusCode } = await app.inject({ method, url });
      const canonical = parseCallId(id);
      if (canonical === null) {
        expect(statusCode).toBe(400);
        expect(calls.asked).toEqual([]);
      } else {
        expect(statusCode).not.toBe(400);
        const [asked] = calls.asked.map(([, arg]) => (Array.isArray(arg) ? arg[0].id : arg));
        expect(asked).toBe(canonical);
      }
    }),
    { numRuns: 300 },
  );
});

test('32 hex digits are the GUID with hyphens in a batch too', async () => {
  const { app, calls } = await anApp();
  const bare = ID.replaceAll('-', '').toUpperCase();
  const payload = { calls: [{ id: bare }, { id: ID }] };
  const batch = await app.inject({ method: 'POST', url: '/calls/track', payload });
  expect(batch.json().results.map(({ id }: { id: string }) => id)).toEqual([ID, ID]);
  expect([...calls.known.keys()]).toEqual([ID]);
});
