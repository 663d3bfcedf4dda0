import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { causeOf, isVague, RedisOutError } from '../../src/store/cause.ts';
import { UnsupportedRedisError } from '../../src/store/unsupported.ts';

const withCode = (message: string, code: string) => Object.assign(new Error(message), { code });
const WRONGPASS = new Error('WRONGPASS invalid username-password pair or user is disabled.');

describe('the cause of an error of Redis', () => {
  test.each<[string, unknown, string]>([
    [
      'a Cluster wraps',
      Object.assign(new Error('all failed'), { lastNodeError: WRONGPASS }),
      'WRONGPASS',
    ],
    [
      'Sentinels wrap',
      new Error(
        `All sentinels are unreachable. Retrying from scratch after 50ms. Last error: ${WRONGPASS.message}`,
      ),
      'WRONGPASS',
    ],
    [
      'redirections wrap',
      new Error(
        'Too many Cluster redirections. Last error: ReplyError: TRYAGAIN Multiple keys request during rehashing of slot',
      ),
      'TRYAGAIN',
    ],
    ['nobody follows', new Error('MOVED 866 10.0.0.4:8501'), 'MOVED'],
    [
      'two addresses wrap',
      new AggregateError([withCode('connect ECONNREFUSED ::1:6379', 'ECONNREFUSED')]),
      'ECONNREFUSED',
    ],
    [
      '`cause` wraps',
      new Error('no', { cause: withCode('getaddrinfo EAI_AGAIN redis', 'EAI_AGAIN') }),
      'EAI_AGAIN',
    ],
    [
      'a script of Redis 6.2 wraps',
      new Error(
        "ERR Error running script (call to f_12): @user_script:3: @user_script: 3: -OOM command not allowed when used memory > 'maxmemory'.",
      ),
      'OOM',
    ],
    ['of old servers', new Error('ERR invalid password'), 'WRONGPASS'],
    [
      'we wrap',
      new RedisOutError({ code: 'OOM', what: 'no memory', fix: 'Add some.' }, null),
      'OOM',
    ],
    [
      'is a refusal',
      new UnsupportedRedisError({ what: 'Too old.', fix: 'Upgrade.' }),
      'UNSUPPORTED_REDIS',
    ],
    [
      'has a disk that is full',
      new Error('MISCONF Redis is configured to save RDB snapshots, but …'),
      'MISCONF',
    ],
    ['has expired', withCode('certificate has expired', 'CERT_HAS_EXPIRED'), 'CERT_HAS_EXPIRED'],
  ])('is found when it %s', (_, error, code) => {
    expect(causeOf(error)?.code).toBe(code);
  });

  test.each([
    new Error("Stream isn't writeable and enableOfflineQueue options is false"),
    new Error('no Cluster answers'),
    new Error('Failed to refresh slots cache.'),
    null,
    undefined,
    'text',
  ])('is unknown where %s says nothing of it', (error) => {
    expect(causeOf(error)).toBeNull();
  });

  test.each(['Connection is closed.', 'read ECONNRESET', 'write EPIPE'])(
    'is vague where "%s" says only that the connection is gone',
    (message) => {
      const cause = causeOf(new Error(message));
      expect(cause && isVague(cause)).toBe(true);
    },
  );

  test.each([
    [
      "Hostname/IP does not match certificate's altnames: Host: redis-1. is not in the cert's altnames: DNS:redis.example, DNS:*.example",
      "Redis's certificate is for DNS:redis.example, DNS:*.example, not for redis-1",
    ],
    [
      "Hostname/IP does not match certificate's altnames: IP: 10.0.0.5 is not in the cert's list: ",
      "Redis's certificate is for another name, not for 10.0.0.5",
    ],
  ])('names the certificate where only the text "%s" is left', (message, what) => {
    const nested = new Error(`All sentinels are unreachable. Last error: ${message}`);
    expect(causeOf(nested)?.what).toBe(what);
  });

  test('contains nothing of what was sent', () => {
    const unknown = "ERR unknown command 'HELLO', with args beginning with: 'AUTH' 'me' 's3cret'";
    const cause = causeOf(new Error(unknown));
    expect(cause?.what).toBe("Redis answers with an error: unknown command 'HELLO'");
  });

  test('is a clause without a full stop, and its fix a sentence, for any error', () => {
    const words = fc.constantFrom(
      'ERR ',
      'NOPERM ',
      'connect ',
      'ECONNREFUSED ',
      'Last error: ',
      '-OOM ',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string())), (parts) => {
        const cause = causeOf(new Error(parts.join('')));
        if (cause === null || cause.code === 'ERR') return;
        expect(cause.what).not.toMatch(/\.$/);
        expect(cause.fix).toMatch(/\.$/);
      }),
    );
  });
});
