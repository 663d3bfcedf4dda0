/** A table in Markdown; columns after the first are aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, i) => Math.max(3, name.length, ...rows.map((r) => len(r[i]))));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, i) =>
    i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(head), `|${rule.map((dashes) => ` ${dashes} `).join('|')}|`, ...rows.map(line)].join(
    '\n',
  );
}

function len(cell: string | undefined): number {
  return cell?.length ?? 0;
}

/** Three digits that mean something, with commas between thousands. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 0.01))));
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.min(2, digits) });
}

export function orDash(value: number): string {
  return value === 0 ? '–' : number(value);
}

export function ms(value: number): string {
  return value >= 10_000 ? `${number(value / 1_000)} s` : `${number(value)} ms`;
}

export function megabytes(bytes: number): string {
  return `${number(bytes / 1e6)} MB`;
}

/** One line of the table of targets. */
export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly measured: string;
  readonly met: boolean;
}

export function targetTable(targets: readonly Target[]): string {
  return table(
    ['target', 'wanted', 'measured', ''],
    targets.map(({ what, wanted, measured, met }) => [
      what,
      wanted,
      measured,
      met ? 'met' : '**missed**',
    ]),
  );
}

export function atMost(what: string, most: number, measured: number, unit = ''): Target {
  return {
    what,
    wanted: `≤ ${number(most)}${unit}`,
    measured: `${number(measured)}${unit}`,
    met: measured <= most,
  };
}

export function atLeast(what: string, least: number, measured: number, unit = ''): Target {
  return {
    what,
    wanted: `≥ ${number(least)}${unit}`,
    measured: `${number(measured)}${unit}`,
    met: measured >= least,
  };
}
