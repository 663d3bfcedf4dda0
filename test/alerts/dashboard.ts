import { readFileSync } from 'node:fs';

/** The part of Grafana's format that the tests read. */
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly {
    readonly expr: string;
    readonly datasource: { readonly uid: string };
  }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly expr?: string }[] };
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

export const dashboard = JSON.parse(
  readFileSync(new URL('../../config/grafana/callkeeper.json', import.meta.url), 'utf8'),
) as Dashboard;

/** Every query of the dashboard with its variables filled in, and its panel's title. */
export function queries(): { title: string; expr: string }[] {
  const ofPanels = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr: filledIn(expr) })),
  );
  const ofAnnotations = dashboard.annotations.list.flatMap(({ expr }) =>
    expr === undefined ? [] : [{ title: 'annotation', expr: filledIn(expr) }],
  );
  return [...ofPanels, ...ofAnnotations];
}

function filledIn(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$__range', '1h')
    .replaceAll('$job', '.+')
    .replaceAll('$app', '.*');
}
