import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { METRICS } from '../../src/metrics/table.ts';
import { dashboard, type Panel, queries } from './dashboard.ts';
import { promtool } from './promtool.ts';

const shown = dashboard.panels.filter(({ type }) => type !== 'row');

describe('the dashboard for Grafana', () => {
  test('has only valid queries', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'callkeeper-dashboard-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const rules = queries().map(({ expr }, index) => ({ record: `query_${index}`, expr }));
    const file = join(directory, 'queries.yml');
    writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules }] }));
    expect(await promtool('check', 'rules', file)).toContain(`SUCCESS: ${rules.length} rules`);
    expect(queries().filter(({ expr }) => expr.includes('$'))).toEqual([]);
  });

  test('filters by the chosen data source, job and app', () => {
    const variables = dashboard.templating.list.map(({ name }) => name);
    expect(variables).toEqual(['datasource', 'job', 'app']);
    for (const { datasource, targets = [] } of shown) {
      for (const of of [datasource, ...targets.map((target) => target.datasource)]) {
        expect(of?.uid).toMatch(/^\$\{datasource\}$/);
      }
      for (const { expr } of targets) {
        for (const [selector, name = ''] of expr.matchAll(/(\w+)\{[^}]*\}/g)) {
          expect(selector).toContain(name === 'ALERTS' ? 'job=~"$job|"' : 'job=~"$job"');
          expect(selector.includes('app=~"$app"'), selector).toBe(knowsApp(name));
        }
      }
    }
  });

  test.each(shown)('describes the panel "$title"', ({ description, targets = [] }) => {
    expect(description).toMatch(/\.$/);
    expect(targets.length).toBeGreaterThan(0);
  });

  test('has its panels side by side, none over another', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const cells = dashboard.panels.flatMap(cellsOf);
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...dashboard.panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  });
});

function knowsApp(metric: string): boolean {
  return Object.entries(METRICS).some(
    ([name, definition]) => name === metric && 'labels' in definition && 'app' in definition.labels,
  );
}

function cellsOf({ gridPos: { x, y, w, h } }: Panel): string[] {
  return Array.from({ length: w * h }, (_, at) => `${x + (at % w)}/${y + Math.floor(at / w)}`);
}
