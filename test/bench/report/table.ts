/** Rendered as Markdown with aligned columns, for page and terminal. The first column is text. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function renderTable({ columns, rows }: Table): string {
  const lines = [columns, ...rows];
  const widths = columns.map((_, i) => Math.max(3, ...lines.map((line) => line[i]?.length ?? 0)));
  const cell = (text: string, i: number) =>
    i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0);
  const render = (line: readonly string[]) =>
    `| ${columns.map((_, i) => cell(line[i] ?? '', i)).join(' | ')} |`;
  const rule = widths.map((width, i) =>
    i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [render(columns), `| ${rule.join(' | ')} |`, ...rows.map(render)].join('\n');
}

/** Rounds to the digits that matter: 20,284 · 60.7 · 0.31; – for NaN. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', {
    minimumFractionDigits: value === 0 ? 0 : digits,
    maximumFractionDigits: digits,
  });
}

export function whole(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '–';
}

export function percent(share: number): string {
  return `${figure(100 * share)} %`;
}

export function megabytes(bytes: number): string {
  return `${figure(bytes / 1e6)} MB`;
}
