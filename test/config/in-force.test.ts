import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config/config.ts';
import { cloudWarnings, describeSettings, settingsInForce } from '../../src/config/in-force.ts';

const ID = '11111111-1111-4111-8111-111111111111';
const KEY = 'k3y'.repeat(8);
const APP = { AZURE_TENANT_ID: ID, AZURE_CLIENT_ID: ID, AZURE_CLIENT_SECRET: 's3cret' };
const describeEnv = (env: Record<string, string>) =>
  describeSettings(readConfig({ ...APP, ...env }));

describe('the settings in force are described in a line', () => {
  test('with the defaults', () => {
    expect(describeEnv({})).toBe(
      'cloud global, Graph at graph.microsoft.com; a redis-server of its own; ' +
        'no API keys: this machine only; a keepAlive every 15m, deadline 45m; app default',
    );
  });

  test.each([
    [{ API_KEYS: KEY }, 'access by 1 API key;'],
    [{ API_KEYS: `${KEY},${KEY}2` }, 'access by 2 API keys;'],
    [{ AUTH: 'none' }, 'no API keys: anybody (AUTH=none);'],
    [{ ENTRA_AUDIENCES: ID, ENTRA_TENANTS: ID }, 'access by Entra tokens;'],
    [{ KEEPALIVE_INTERVAL: '5s', KEEPALIVE_DEADLINE: '1500s' }, 'every 5s, deadline 25m;'],
    [{ GRAPH_CLOUD: 'china' }, 'cloud china, Graph at microsoftgraph.chinacloudapi.cn;'],
    [{ GRAPH_BASE_URL: 'http://127.0.0.1:9000/v1.0' }, 'Graph at 127.0.0.1:9000;'],
    [{ REDIS_URL: 'redis://u:pa55@redis.example:6380/2' }, 'Redis at redis.example:6380;'],
    [
      { REDIS_URL: 'rediss+sentinel://u:pa55@a,b/g?sentinelPassword=pa55' },
      'Redis at a:26379,b:26379;',
    ],
  ])('with %j', (env, expected) => {
    const text = describeEnv(env);
    expect(text).toContain(expected);
    expect(text).not.toMatch(/pa55|k3y|s3cret/);
  });

  test('and as fields', () => {
    expect(settingsInForce(readConfig({ ...APP, API_KEYS: KEY }))).toEqual({
      clouds: ['global'],
      graph: ['graph.microsoft.com'],
      redis: null,
      access: 'access by 1 API key',
      interval: '15m',
      deadline: '45m',
      apps: ['default'],
    });
  });

  test('with the first ten of many apps', () => {
    const config = readConfig(APP);
    const [app] = config.apps;
    const apps = Array.from({ length: 12 }, (_, i) => ({ ...app, name: `app-${i}` }));
    const text = describeSettings({ ...config, apps } as typeof config);
    expect(text).toMatch(/; apps app-0, .*, app-9 and 2 more$/);
  });
});

test.each([
  [{ GRAPH_CLOUD: 'china' }, 1],
  [{ GRAPH_CLOUD: 'china', GRAPH_BASE_URL: 'http://127.0.0.1:9000/v1.0' }, 0],
  [{ GRAPH_CLOUD: 'dod' }, 0],
  [{ GRAPH_CLOUD: 'gcc-high' }, 0],
  [{}, 0],
])('with %j, %d warning says that the cloud has no keepAlive', (env, count) => {
  const warnings = cloudWarnings(readConfig({ ...APP, ...env }));
  expect(warnings).toHaveLength(count);
  for (const warning of warnings) {
    expect(warning).toBe(
      'app default: Microsoft says that Graph has no keepAlive in the cloud china',
    );
  }
});
