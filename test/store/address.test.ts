import { describe, expect, test } from 'vitest';
import { parseRedisUrl, RedisUrlError } from '../../src/store/address.ts';

const OPEN = { username: undefined, password: undefined, tls: false };
const NO_SENTINEL_USER = {
  sentinelUsername: undefined,
  sentinelPassword: undefined,
  sentinelTls: false,
};

describe('a REDIS_URL', () => {
  test.each([
    'redis://host',
    'rediss://user:p%40ss@host:6380/2',
    'redis://:p@[::1]:1',
    'redis://h/',
  ])('of one server is taken as it is: %s', (url) => {
    expect(parseRedisUrl(url)).toMatchObject({ kind: 'single', url });
  });

  test('of one server tells its user, its password, and whether it has TLS', () => {
    expect(parseRedisUrl('rediss://us%2Fer:p%40ss@host:6380/2')).toMatchObject({
      username: 'us/er',
      password: 'p@ss',
      tls: true,
    });
    const nobody = { username: undefined, password: undefined, tls: false };
    expect(parseRedisUrl('redis://host')).toMatchObject(nobody);
  });

  test('of Sentinels has their hosts, the group, and what else there is to it', () => {
    expect(parseRedisUrl('redis+sentinel://a,b:1,[::1]:2,[fe80::1]/calls')).toEqual({
      kind: 'sentinel',
      sentinels: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 1 },
        { host: '::1', port: 2 },
        { host: 'fe80::1', port: 26_379 },
      ],
      group: 'calls',
      database: 0,
      ...OPEN,
      ...NO_SENTINEL_USER,
    });
    const full =
      'rediss+sentinel://us%3Aer:p%40ss%2F@s.example:1/my%20calls/3' +
      '?sentinelUsername=watch&sentinelPassword=p%26q';
    expect(parseRedisUrl(full)).toEqual({
      kind: 'sentinel',
      sentinels: [{ host: 's.example', port: 1 }],
      group: 'my calls',
      database: 3,
      username: 'us:er',
      password: 'p@ss/',
      tls: true,
      sentinelUsername: 'watch',
      sentinelPassword: 'p&q',
      sentinelTls: true,
    });
  });

  test('of Sentinels without TLS before servers with it, and the reverse', () => {
    const tls = (url: string) => {
      const address = parseRedisUrl(url);
      return address.kind === 'sentinel' && [address.tls, address.sentinelTls];
    };
    expect(tls('rediss+sentinel://a/g?sentinelTls=no')).toEqual([true, false]);
    expect(tls('redis+sentinel://a/g?sentinelTls=yes')).toEqual([false, true]);
  });

  test('of a Cluster has some of its nodes', () => {
    expect(parseRedisUrl('redis+cluster://a,b:7001')).toEqual({
      kind: 'cluster',
      nodes: [
        { host: 'a', port: 6_379 },
        { host: 'b', port: 7_001 },
      ],
      ...OPEN,
    });
    expect(parseRedisUrl('rediss+cluster://:secret@a/')).toEqual({
      kind: 'cluster',
      nodes: [{ host: 'a', port: 6_379 }],
      username: undefined,
      password: 'secret',
      tls: true,
    });
  });

  const FORMS = [expect.stringMatching(/^must be redis:\/\/.+redis\+sentinel.+redis\+cluster/)];
  const GROUP = 'must name the group that the Sentinels watch: …/group';
  const DATABASE = 'must have nothing but a database after the group: …/group/0';
  const USER = 'must have user and password percent-encoded';
  test.each<[string, unknown[]]>([
    ['', FORMS],
    ['host:6379', FORMS],
    ['redis://a:1,b:2', FORMS],
    ['redis://a/calls', FORMS],
    ['redis+sentinels://a/calls', FORMS],
    ['http+cluster://a', FORMS],
    ['redis+cluster://user:p@ss@a', FORMS],
    ['redis+sentinel://a', [GROUP]],
    ['redis+sentinel://a//0', [GROUP]],
    ['redis+sentinel://a/g/x', [DATABASE]],
    ['redis+sentinel://a/g/0/1', [DATABASE]],
    ['redis+sentinel://%zz:p@a/g', [USER]],
    ['redis+sentinel://u:%zz@a/g', [USER]],
    [
      'redis+sentinel://a/g?db=1',
      ['can have sentinelUsername, sentinelPassword, sentinelTls after the ?'],
    ],
    ['redis+sentinel://a/g?sentinelTls=1', ['sentinelTls must be yes or no']],
    ['redis+cluster://', ['must have host or host:port as its 1st host']],
    ['redis+cluster://a,', ['must have host or host:port as its 2nd host']],
    ['redis+cluster://a,b,c:x', ['must have host or host:port as its 3rd host']],
    ['redis+cluster://a,b,c,d:65536', ['must have host or host:port as its 4th host']],
    ['redis+cluster://a/1', ['must have nothing after the hosts: a Cluster has one database']],
    ['redis+cluster://a?x=1', ['can have nothing after the ?']],
    [
      'redis+sentinel://%zz@-,b:0/',
      [
        USER,
        GROUP,
        'must have host or host:port as its 1st host',
        'must have host or host:port as its 2nd host',
      ],
    ],
  ])('that is not usable is refused with all that is wrong: %s', (url, faults) => {
    const refusal = (() => {
      try {
        return parseRedisUrl(url);
      } catch (error) {
        return error;
      }
    })();
    expect(refusal).toBeInstanceOf(RedisUrlError);
    expect((refusal as RedisUrlError).faults).toEqual(faults);
  });

  test('never has its password in what is said of it', () => {
    const urls = [
      'redis+cluster://user:s3cret@a:b',
      'redis+sentinel://user:s3cret%@a',
      'redis+sentinel://a/g?sentinelPasword=s3cret',
      'redis+cluster://user:s3cret@x@a',
      'redis+cluster://user:s3cret/x@a',
      'redis://:s3cret@/x',
    ];
    for (const url of urls) {
      expect(() => parseRedisUrl(url)).toThrow(RedisUrlError);
      expect(() => parseRedisUrl(url)).not.toThrow(/s3cret/);
    }
  });
});
