import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { someMetrics } from '../metrics/fixture.ts';
import { queries } from './dashboard.ts';
import { ALERTS } from './promtool.ts';

const RUNBOOK = fileURLToPath(new URL('../../docs/runbook.md', import.meta.url));
const runbook = readFileSync(RUNBOOK, 'utf8');
const rules = (
  parse(readFileSync(ALERTS, 'utf8')) as {
    groups: { rules: { alert?: string; record?: string; expr: string }[] }[];
  }
).groups.flatMap((group) => group.rules);
const alerts = rules.flatMap(({ alert }) => alert ?? []);

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
  test.each(alerts)('says of %s what it means, what to look at and what to do', (alert) => {
    const section = runbook.split(/^#+ /m).find((text) => text.startsWith(`${alert}\n`));
    for (const part of ['Means: ', 'Look at: ', 'Do: ']) expect(section).toContain(`\n\n${part}`);
  });

  test('has no alert that there is not', () => {
    const told = [...runbook.matchAll(/^### (Callkeeper\w+)$/gm)].map(([, name]) => name);
    expect(told.sort()).toEqual([...alerts].sort());
  });

  test('names no metric that does not exist', () => {
    expect([...namesIn(runbook)].filter((name) => !measured.has(name))).toEqual([]);
  });

  test('leads nowhere that is not there', () => {
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

  test('ask for no metric that no replica gives', () => {
    expect([...namesIn(asked)].filter((name) => !measured.has(name))).toEqual([]);
  });

  test('ask for nothing recorded that is not', () => {
    const recorded = rules.flatMap(({ record }) => record ?? []);
    for (const name of recordedIn(asked)) expect(recorded).toContain(name);
  });

  test('between them ask for every metric', () => {
    expect([...ours].filter((name) => !namesIn(asked).has(name))).toEqual([]);
  });
});
