import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { someMetrics } from '../metrics/fixture.ts';
import { queries } from './dashboard.ts';
import { ALERTS } from './promtool.ts';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: { readonly severity: string };
}

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
const RUNBOOK = fileURLToPath(new URL('../../docs/runbook.md', import.meta.url));
const runbook = readFileSync(RUNBOOK, 'utf8');
const rules = (
  parse(readFileSync(ALERTS, 'utf8')) as {
    groups: { rules: Rule[] }[];
  }
).groups.flatMap((group) => group.rules);
const alerts = rules.flatMap(({ alert, labels, ...rule }) =>
  alert === undefined || labels === undefined ? [] : [{ ...rule, alert, labels }],
);
const sectionOf = (alert: string) =>
  runbook.split(/^#+ /m).find((text) => text.startsWith(`${alert}\n`)) ?? '';

/** Names of metrics, without what a histogram adds to them; recorded ones have a colon. */
const namesIn = (text: string): Set<string> =>
  new Set(
    [
      ...text.matchAll(
        /(?<![\w:])((?:callkeeper|process|nodejs)_\w+?)(?:_bucket|_sum|_count)?(?![\w:])/g,
      ),
    ].map(([, name]) => name ?? ''),
  );
const recordedIn = (text: string): Set<string> => new Set(text.match(/callkeeper:[\w:]+/g));

const measured = new Set(
  someMetrics()
    .metrics.registry.getMetricsAsArray()
    .map(({ name }) => name),
);
const ours = new Set([...measured].filter((name) => name.startsWith('callkeeper_')));

describe('the runbook', () => {
  test('begins with the check that finds most causes', () => {
    const [, first = ''] = runbook.split(/^## /m);
    expect(first).toMatch(/^First: run check\n/);
    expect(first).toMatch(/```sh\n.* check\b/);
  });

  test.each(alerts)('says of $alert how bad it is, what it means and what to do', (rule) => {
    const section = sectionOf(rule.alert);
    const [, severity, condition = ''] = /\n\nFires: (\w+), (.+?)\n\n/s.exec(section) ?? [];
    expect(severity).toBe(rule.labels.severity);
    const minutes = rule.for && Number.parseInt(rule.for, 10);
    if (minutes) expect(condition).toMatch(new RegExp(`\\b${minutes} minutes?\\b`));
    else expect(condition).toMatch(/^at once|within|than twice/);
    for (const part of ['Means: ', 'Look at: ', 'Do: ']) expect(section).toContain(`\n\n${part}`);
  });

  test('uses only commands and options that exist', async () => {
    const used = [...runbook.matchAll(/(?<=[`\n]|npx --no )callkeeper ([a-z]+)([^`\n#|]*)/g)];
    expect(used.length).toBeGreaterThan(10);
    for (const [text, name = '', rest = ''] of used) {
      const { stdout } = await promisify(execFile)(process.execPath, [CLI, name, '--help']);
      for (const [option] of rest.matchAll(/--[a-z-]+/g)) expect(stdout, text).toContain(option);
    }
  });

  test('replaces the place of the page by the command that alerts.yml has, too', () => {
    const [command = ''] = /sed -i '.+' alerts\.yml/.exec(readFileSync(ALERTS, 'utf8')) ?? [];
    expect(runbook).toContain(command);
  });

  test('has no alert that does not exist', () => {
    const told = [...runbook.matchAll(/^### (Callkeeper\w+)$/gm)].map(([, name]) => name);
    expect(told.sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  test('names no metric that does not exist', () => {
    expect([...namesIn(runbook)].filter((name) => !measured.has(name))).toEqual([]);
  });

  test('has no broken link', () => {
    const headings = [...runbook.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) =>
      text
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
    for (const [, target = ''] of runbook.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (target.startsWith('#')) expect(headings).toContain(target.slice(1));
      else if (!target.startsWith('https:')) {
        expect(existsSync(join(dirname(RUNBOOK), target)), target).toBe(true);
      }
    }
  });
});

describe('rules and dashboard', () => {
  const asked = [...rules, ...queries()].map(({ expr }) => expr).join('\n');

  test('use only metrics that a replica serves', () => {
    expect([...namesIn(asked)].filter((name) => !measured.has(name))).toEqual([]);
  });

  test('use only recording rules that exist', () => {
    const recorded = rules.flatMap(({ record }) => record ?? []);
    for (const name of recordedIn(asked)) expect(recorded).toContain(name);
  });

  test('together use every metric', () => {
    expect([...ours].filter((name) => !namesIn(asked).has(name))).toEqual([]);
  });
});
