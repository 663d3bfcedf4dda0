import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const read = (path: string) =>
  parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'), { merge: true });
const { services } = read('docker-compose.yml');

test('Prometheus asks the replicas of compose where their metrics are', () => {
  const [job] = read('config/prometheus.yml').scrape_configs;
  const [names] = job.dns_sd_configs;
  expect(names.names).toEqual(['callkeeper']);
  expect(services.callkeeper.environment.METRICS_ADDRESS).toBe(`:${names.port}`);
});

test('compose publishes no port of a replica', () => {
  expect(services.callkeeper.ports).toBeUndefined();
});

test('HAProxy stops by itself within its grace period', () => {
  const haproxy = readFileSync(new URL('../../config/haproxy.cfg', import.meta.url), 'utf8');
  const [, seconds] = /hard-stop-after (\d+)s/.exec(haproxy) ?? [];
  const { stop_grace_period: grace } = services.proxy;
  expect(Number(seconds)).toBeLessThan(Number.parseInt(grace, 10));
});
