import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { stringify } from 'yaml';

export const ALERTS = fileURLToPath(new URL('../../config/alerts.yml', import.meta.url));
const run = promisify(execFile);

/** By the series as the exposition format names it: its value for each minute; null: none. */
export type Series = ReadonlyMap<string, readonly (number | null)[]>;

/** Rejects with promtool's output unless it exits with 0. */
export async function promtool(...args: string[]): Promise<string> {
  const { stdout } = await run('promtool', args).catch((error) => {
    throw new Error(
      `promtool ${args[0]} ${args[1]}:\n${error.stdout ?? ''}${error.stderr ?? error}`,
    );
  });
  return stdout;
}

/**
 * Rejects unless exactly these alerts of config/alerts.yml fire at each of the minutes. They are
 * named by `alertname`, or by the labels in `by`, such as `alertname="A", job="b"`.
 */
export async function expectFiring(
  series: Series,
  firing: readonly { readonly minute: number; readonly alerts: readonly string[] }[],
  by = 'alertname',
): Promise<void> {
  await runTest(series, {
    promql_expr_test: firing.map(({ minute, alerts }) => ({
      expr: `count by (${by}) (ALERTS{alertstate="firing"})`,
      eval_time: `${minute}m`,
      exp_samples: alerts.map((alert) => ({
        labels: `{${alert.includes('=') ? alert : `alertname="${alert}"`}}`,
        value: 1,
      })),
    })),
  });
}

type Texts = Readonly<Record<string, string>>;

/** Rejects unless the alert fires once at this minute, with exactly these labels and annotations. */
export async function expectAlert(
  series: Series,
  alert: { readonly name: string; readonly minute: number; labels: Texts; annotations: Texts },
): Promise<void> {
  const { name, minute, labels, annotations } = alert;
  const exp_alerts = [{ exp_labels: labels, exp_annotations: annotations }];
  await runTest(series, {
    alert_rule_test: [{ alertname: name, eval_time: `${minute}m`, exp_alerts }],
  });
}

async function runTest(series: Series, expected: object): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-alerts-'));
  const file = join(directory, 'test.yml');
  const test = {
    interval: '1m',
    input_series: [...series].map(([name, values]) => ({
      series: name,
      values: values.map((value) => value ?? '_').join(' '),
    })),
    ...expected,
  };
  writeFileSync(
    file,
    stringify({ rule_files: [ALERTS], evaluation_interval: '1m', tests: [test] }),
  );
  try {
    await promtool('test', 'rules', file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
